// SPDX-License-Identifier: GPL-2.0-or-later
// A list of addresses: its entries are ranges. The prefixes of a range cover it exactly, in order.
#include <sstream>
#include <string>

#include "host/base/error.h"
#include "host/rules/language/address_list.h"
#include "host/rules/language/address_text.h"
#include "tests/fuzz/fuzz.h"

namespace {

void check(const nicsentry::AddressRange& range) {
  using nicsentry::fuzz::require;
  require(range.first.version == range.last.version, "a range has one family");
  require(range.first <= range.last, "a range has an order");
  const auto prefixes = nicsentry::prefixes_of(range);
  require(!prefixes.empty(), "a range has prefixes");
  require(prefixes.front().first == range.first && prefixes.back().last == range.last, "prefixes end where it does");
  require(prefixes.size() <= (range.first.version == 4 ? 62U : 254U), "the number of prefixes is bounded");
  for (std::size_t i = 1; i < prefixes.size(); ++i) {
    require(prefixes[i - 1].last < prefixes[i].first, "prefixes do not overlap");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream input(std::string(reinterpret_cast<const char*>(data), size));
  try {
    for (const auto& entry : nicsentry::read_address_list(input, "list").entries) {
      check(entry.range);
      nicsentry::fuzz::require(!entry.lifetime || entry.lifetime->count() > 0, "a lifetime is not over");
    }
  } catch (const nicsentry::Error& error) {
    nicsentry::fuzz::require(error.what()[0] != '\0', "an error has a text");
  }
  return 0;
}
