// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/access/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <sstream>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

constexpr std::size_t kLeastToken = 20;  // characters: too many to guess
constexpr std::size_t kMostFile = std::size_t{1} << 20;

// RFC 6750, 2.1: b64token.
bool is_token(std::string_view text) {
  const std::size_t end = text.find_last_not_of('=');
  return end != std::string_view::npos &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end) + 1, [](unsigned char letter) {
           return std::isalnum(letter) != 0 ||
                  std::string_view("-._~+/").find(static_cast<char>(letter)) != std::string_view::npos;
         });
}

// In a time that depends on the lengths only, so that an answer's time does not say how much of a guess is right.
bool are_equal(std::string_view secret, std::string_view given) {
  volatile unsigned differences = secret.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    differences = differences | static_cast<unsigned char>(given[i] ^ other);
  }
  return differences == 0;
}

// "Bearer TOKEN"; the scheme in any case (RFC 9110, 11.1).
std::string_view bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) {
    return {};
  }
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(authorization[i])) != kScheme[i]) {
      return {};
    }
  }
  const std::size_t begin = authorization.find_first_not_of(' ', kScheme.size());
  return begin == std::string_view::npos ? std::string_view() : authorization.substr(begin);
}

Token parse_line(const std::string& line, const std::string& place, std::size_t number) {
  std::istringstream words(line);
  std::string role;
  std::string more;
  Token token;
  words >> role >> token.text >> token.name;
  if (role != "read" && role != "admin") {
    throw Error(place + ": the line does not begin with a role: read or admin");
  }
  token.role = role == "read" ? Access::read : Access::admin;
  if (!is_token(token.text) || token.text.size() < kLeastToken) {
    throw Error(place + ": after the role a token is allowed: at least " + std::to_string(kLeastToken) +
                " letters, digits and characters of -._~+/= (such as: openssl rand -hex 32)");
  }
  if (words >> more) {
    throw Error(place + ": behind the token one name is allowed");
  }
  if (token.name.empty()) {
    token.name = "token " + std::to_string(number);
  }
  return token;
}

void require_private_file(int fd, const std::string& source) {
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    throw SystemError(errno, "reading " + source);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(source + ": it is no file");
  }
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    throw Error(source + ": it belongs to user " + std::to_string(status.st_uid) + ", who could let others in; " +
                "chown it to root");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", status.st_mode & 07777U);
    throw Error(source + ": it has mode " + mode.data() + ", and only its owner may read tokens: chmod 600 " + source);
  }
}

}  // namespace

Tokens read_token_file(const std::filesystem::path& path) {
  const std::string source = path.string();
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    throw SystemError(errno, "reading " + source);
  }
  require_private_file(fd.get(), source);
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t got = 0; (got = read(fd.get(), block.data(), block.size())) != 0;) {
    if (got < 0) {
      throw SystemError(errno, "reading " + source);
    }
    text.append(block.data(), static_cast<std::size_t>(got));
    if (text.size() > kMostFile) {
      throw Error(source + ": it is too large for a file of tokens");
    }
  }
  return parse_tokens(text, source);
}

Tokens parse_tokens(std::string_view text, const std::string& source) {
  Tokens tokens;
  std::istringstream lines{std::string(text)};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') {
      continue;
    }
    const std::string place = source + ", line " + std::to_string(number);
    Token token = parse_line(line, place, tokens.size() + 1);
    if (std::any_of(tokens.begin(), tokens.end(), [&](const Token& other) { return other.text == token.text; })) {
      throw Error(place + ": this token stands there twice");
    }
    tokens.push_back(std::move(token));
  }
  if (tokens.empty()) {
    throw Error(source + ": there is no token in it");
  }
  return tokens;
}

const Token* find_token(const Tokens& tokens, std::string_view authorization) {
  const std::string_view given = bearer_of(authorization);
  const Token* found = nullptr;
  for (const Token& token : tokens) {
    if (are_equal(token.text, given)) {
      found = &token;
    }
  }
  return found;
}

}  // namespace nicsentry
