// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/dialect/dialect.h"

#include <cctype>
#include <cstddef>

#include "host/programs/dialect/polycube_text.h"

namespace nicsentry::programs {
namespace {

bool is_word(char character) { return std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '_'; }

std::size_t after(std::size_t found, std::size_t length, std::size_t end) {
  return found == std::string_view::npos ? end : found + length;
}

// Behind the text or character that begins at `begin`.
std::size_t behind_quotes(std::string_view text, std::size_t begin) {
  std::size_t at = begin + 1;
  while (at < text.size() && text[at] != text[begin] && text[at] != '\n') {
    at += text[at] == '\\' ? 2 : 1;
  }
  return at + 1;
}

// Calls act(word) for each identifier outside of comments, texts and characters.
template <typename Act>
void for_each_word(std::string_view text, Act act) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.substr(at, 2) == "/*") {
      at = after(text.find("*/", at + 2), 2, text.size());
    } else if (text.substr(at, 2) == "//") {
      at = after(text.find('\n', at), 1, text.size());
    } else if (text[at] == '"' || text[at] == '\'') {
      at = behind_quotes(text, at);
    } else if (is_word(text[at])) {
      const std::size_t begin = at;
      while (at < text.size() && is_word(text[at])) {
        ++at;
      }
      act(text.substr(begin, at - begin));
    } else {
      ++at;
    }
  }
}

// A line of the preprocessor that names what follows.
std::string line_marker(const std::string& name) {
  std::string quoted;
  for (const char character : name) {
    quoted += character == '"' || character == '\\' ? std::string("\\") + character : std::string(1, character);
  }
  return "# 1 \"" + quoted + "\"";
}

std::string own_part(const char* name, std::string_view text) {
  return line_marker(name) + " 3\n" + std::string(text) + "\n";  // 3: a header of the system
}

}  // namespace

Dialect dialect_of(std::string_view text) {
  bool handler = false;
  bool section = false;
  for_each_word(text, [&](std::string_view word) {
    handler = handler || word == "handle_rx";
    section = section || word == "SEC";
  });
  return handler && !section ? Dialect::polycube : Dialect::libbpf;
}

Compilation translation_unit(const SourceText& source, DialectTarget target) {
  Compilation made;
  const std::string own = line_marker(source.name) + "\n" + source.text + "\n";
  if (dialect_of(source.text) == Dialect::libbpf) {
    made.text = own;
    return made;
  }
  made.text = own_part("nicsentry/polycube_before.inc", kPolycubeBefore) + own +
              own_part("nicsentry/polycube_after.inc", kPolycubeAfter);
  made.defines = {"POLYCUBE_PROGRAM_TYPE=" + std::to_string(target.egress ? 1 : 0),
                  std::string("CTXTYPE=") + (target.xdp ? "xdp_md" : "__sk_buff"),
                  "NICSENTRY_LOG_LEVEL=" + std::to_string(target.log_level)};
  if (target.xdp) {
    made.defines.emplace_back("NICSENTRY_XDP");
  }
  return made;
}

}  // namespace nicsentry::programs
