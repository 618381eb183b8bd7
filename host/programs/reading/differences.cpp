// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/differences.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "host/programs/values/numbers.h"

namespace nicsentry::programs {
namespace {

template <typename Integer>
void subtract(std::byte* from, const std::byte* what) {
  Integer left{};
  Integer right{};
  std::memcpy(&left, from, sizeof(left));
  std::memcpy(&right, what, sizeof(right));
  left -= right;
  std::memcpy(from, &left, sizeof(left));
}

bool is_added_to(const Layout& layout) {
  const bool whole = layout.bits == 0 || layout.bits == layout.size * 8;
  return whole && (layout.size == sizeof(std::uint32_t) || layout.size == sizeof(std::uint64_t));
}

std::vector<NumberPart> added_parts(const Layout& value) {
  std::vector<NumberPart> parts = counted_parts(value);
  std::erase_if(parts, [](const NumberPart& part) { return !is_added_to(part.layout); });
  return parts;
}

}  // namespace

MapContent difference_to(const LastReadings& last, const Layout& value, MapContent content) {
  const std::vector<NumberPart> parts = added_parts(value);
  for (std::size_t entry = 0; entry < content.entries; ++entry) {
    const std::vector<std::byte> before = last.get(content.key(entry));
    std::byte* now = content.values.data() + entry * content.stride;
    for (const NumberPart& part : parts) {
      if (part.layout.size == sizeof(std::uint32_t)) {
        subtract<std::uint32_t>(now + part.offset, before.data() + part.offset);
      } else {
        subtract<std::uint64_t>(now + part.offset, before.data() + part.offset);
      }
    }
  }
  return content;
}

MapContent take_difference(const LastReadings& last, const Layout& value, const MapContent& content) {
  MapContent difference = difference_to(last, value, content);
  for (std::size_t entry = 0; entry < content.entries; ++entry) {
    const std::byte* now = content.value(entry);
    if (!std::equal(now, now + content.value_bytes, last.get(content.key(entry)).begin())) {
      last.set(content.key(entry), {now, content.value_bytes});
    }
  }
  return difference;
}

}  // namespace nicsentry::programs
