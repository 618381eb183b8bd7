// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace nicsentry::top {

// Text of ASCII's printable characters. Names come from the network: they must not move the cursor.
std::string printable(std::string text);

// Exactly `width` characters: filled with blanks, or cut. A cut text ends in '~'.
std::string fitted(std::string text, std::size_t width);
// A text that is cut loses its middle: both ends of "[2001:db8::1]:443" matter.
std::string fitted_at_middle(std::string text, std::size_t width);
std::string right_aligned(const std::string& text, std::size_t width);

// "874", "4.4k", "26.1M": at most six characters.
std::string short_number(double number);
// The same of what is counted: "7", not "7.0".
std::string short_count(std::uint64_t count);

}  // namespace nicsentry::top
