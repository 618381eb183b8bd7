// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nicsentry {

// Bytes as text (RFC 4648, section 4), with padding.
std::string base64_text(std::string_view bytes);
// Nothing for a text that base64_text() does not write.
std::optional<std::string> base64_bytes(std::string_view text);

}  // namespace nicsentry
