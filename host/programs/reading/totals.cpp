// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/totals.h"

#include <algorithm>
#include <vector>

#include "host/programs/values/numbers.h"
#include "host/programs/values/value_json.h"

namespace nicsentry::programs {

std::uint64_t add_to_totals(const UserTotals& totals, const MapLayout& layout, const MapContent& content) {
  const std::vector<NumberPart> parts = counted_parts(layout.value);
  std::vector<std::uint64_t> numbers(parts.size());
  std::uint64_t left_out = 0;
  for (std::size_t entry = 0; entry < content.entries; ++entry) {
    const ValueView value{content.value(entry), content.stride, content.processors};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      numbers[i] = static_cast<std::uint64_t>(add_integers(parts[i].layout, value.at(parts[i].offset)));
    }
    const bool any = std::any_of(numbers.begin(), numbers.end(), [](std::uint64_t one) { return one != 0; });
    if (any && !totals.add(content.key(entry), numbers)) {
      ++left_out;
    }
  }
  return left_out;
}

}  // namespace nicsentry::programs
