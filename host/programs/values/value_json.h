// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/programs/values/layout.h"

namespace nicsentry::programs {

// Values of one layout, `stride` bytes apart: one, or those of all processors.
struct ValueView {
  const std::byte* first = nullptr;
  std::size_t stride = 0;
  std::size_t count = 1;

  ValueView at(std::size_t offset) const { return {first + offset, stride, count}; }
};

struct ValueStyle {
  bool raw = false;                      // without forms, characters as numbers: as the earlier system wrote them
  std::int64_t monotonic_offset_ns = 0;  // from the monotonic clock to the time since 1970
};

__extension__ typedef unsigned __int128 WideUnsigned;

// An integer, boolean or enumeration, extended by its sign to 128 bits.
WideUnsigned read_integer(const Layout& layout, const std::byte* value);

// Whether values of several processors are added up; else the first that is not 0 stands for all, the latest time.
bool can_add(const Layout& layout);
WideUnsigned add_integers(const Layout& layout, const ValueView& values);

// Appends JSON. Several values become one (can_add()).
void append_json(std::string& out, const Layout& layout, const ValueView& values, const ValueStyle& style);
void append_integer(std::string& out, WideUnsigned number, bool is_signed);
void append_json_text(std::string& out, std::string_view text);  // quoted; what is not UTF-8 becomes U+FFFD
// An address, time, text, name or number without quotes.
std::string plain_text(const Layout& layout, const ValueView& values, const ValueStyle& style);

}  // namespace nicsentry::programs
