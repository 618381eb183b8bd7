// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/api/server/router.h"

namespace nicsentry {

// A bearer token (RFC 6750).
struct Token {
  Access role = Access::read;  // read or admin
  std::string text;
  std::string name;  // for messages; "token 2", by its place, where the file gives none
};
using Tokens = std::vector<Token>;

// Reads tokens, one a line: "read TOKEN [NAME]" or "admin TOKEN [NAME]"; "#" begins a comment. Throws Error: it cannot
// be read, belongs to somebody else than root and this process's user, others may read it, or a line is wrong. No
// message has a token.
Tokens read_token_file(const std::filesystem::path& path);
// The same of the file's text.
Tokens parse_tokens(std::string_view text, const std::string& source);

// The token that a request's header Authorization has; nullptr where none fits. Compares with all of them, in a time
// that depends on their lengths only.
const Token* find_token(const Tokens& tokens, std::string_view authorization);

}  // namespace nicsentry
