// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nicsentry {

// How many bytes of UTF-8 begin here; 0 where it is none (RFC 3629), as for ASCII's characters.
std::size_t utf8_length(std::string_view text);
// What is not UTF-8 becomes U+FFFD.
std::string as_utf8(std::string_view text);
// At most so many bytes of a text, with whole characters and "..." where more was there.
std::string cut_text(std::string_view text, std::size_t most);

}  // namespace nicsentry
