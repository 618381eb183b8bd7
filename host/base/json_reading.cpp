// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/json_reading.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <string>
#include <unordered_set>
#include <vector>

#include "host/base/error.h"
#include "host/base/text_reading.h"

namespace nicsentry {
namespace {

using nlohmann::json;

constexpr std::size_t kErrorsTold = 20;
constexpr std::size_t kKeyTold = 64;   // characters
constexpr std::size_t kWordTold = 20;  // likewise

// Follows the parser through the text.
class Reading {
 public:
  void meet(json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        count();
        if (levels_.size() == kJsonLevelsMax) {
          throw Error("nested more than " + std::to_string(kJsonLevelsMax) + " levels deep");
        }
        levels_.emplace_back().list = event == json::parse_event_t::array_start;
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        levels_.pop_back();
        break;
      case json::parse_event_t::key:
        meet_key(parsed.get_ref<const std::string&>());
        break;
      case json::parse_event_t::value:
        count();
        break;
    }
  }

  void check() const {
    if (errors_ == 0) {
      return;
    }
    throw Error(errors_ <= kErrorsTold ? told_ : told_ + "\nand " + std::to_string(errors_ - kErrorsTold) + " more");
  }

 private:
  struct Level {
    bool list = false;
    std::size_t number = 0;  // of a list's element, from 1
    std::string key;         // of an object's
    std::unordered_set<std::string> keys;
  };

  void count() {
    if (!levels_.empty() && levels_.back().list) {
      ++levels_.back().number;
    }
  }

  void meet_key(const std::string& key) {
    if (!levels_.back().keys.insert(key).second && errors_++ < kErrorsTold) {
      told_ += (told_.empty() ? "" : "\n") + place() + "\"" + key.substr(0, kKeyTold) +
               "\": read twice, allowed is once in an object";
    }
    levels_.back().key = key;
  }

  // "rules, number 3: " for what is in the third element of "rules".
  std::string place() const {
    std::string text;
    for (std::size_t i = 0; i + 1 < levels_.size(); ++i) {
      const Level& level = levels_[i];
      text += (text.empty() ? "" : ", ") +
              (level.list ? "number " + std::to_string(level.number) : level.key.substr(0, kKeyTold));
    }
    return text.empty() ? text : text + ": ";
  }

  std::vector<Level> levels_;
  std::string told_;
  std::size_t errors_ = 0;
};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// The text that may stand where the parser stopped, by its message.
std::string allowed_text(const std::string& said) {
  if (has(said, "UTF-8")) {
    return "text in UTF-8";
  }
  if (has(said, "missing closing quote")) {
    return "'\"' at the end of a text";
  }
  if (has(said, "must be escaped") || has(said, "after backslash") || has(said, "surrogate") || has(said, "'\\u'")) {
    return "text with the escapes of JSON, such as \\n, \\\" and \\u0041";
  }
  if (has(said, "invalid number") || has(said, "number overflow")) {
    return "a number, such as 12 or -0.5";
  }
  if (has(said, "; expected end of input")) {
    return "nothing behind the end";
  }
  if (has(said, "parsing object key")) {
    return "a name in double quotes";
  }
  if (has(said, "parsing object separator")) {
    return "':' behind a name";
  }
  if (has(said, "parsing object")) {
    return "',' or '}'";
  }
  if (has(said, "parsing array")) {
    return "',' or ']'";
  }
  return "a value: an object, a list, a text in double quotes, a number, true, false or null";
}

bool ends_word(char character) { return std::string_view(" \t\r\n,:[]{}").find(character) != std::string_view::npos; }

// Where the word begins whose last byte that was read is at `last`.
std::size_t begin_of_word(std::string_view text, std::size_t last, const std::string& said) {
  std::size_t begin = last;
  if (has(said, "unexpected string literal")) {
    while (begin > 0 && (text[begin - 1] != '"' || (begin > 1 && text[begin - 2] == '\\'))) {
      --begin;
    }
    return begin == 0 ? 0 : begin - 1;
  }
  while (begin > 0 && !ends_word(text[begin]) && !ends_word(text[begin - 1])) {
    --begin;
  }
  return begin;
}

std::string word_at(std::string_view text, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < text.size() && end - begin < kWordTold && !ends_word(text[begin]) && !ends_word(text[end])) {
    ++end;
  }
  std::string word;
  for (const char character : text.substr(begin, end - begin)) {
    const bool printable = static_cast<unsigned char>(character) >= ' ' && static_cast<unsigned char>(character) < 0x7F;
    word += printable ? character : '?';
  }
  return text[begin] == '\n' ? "the end of the line" : "\"" + word + "\"";
}

// "line 2, column 3: read "}", allowed is a value". The library tells the bytes that it read.
std::string place_and_reason(std::string_view text, const json::parse_error& error) {
  const std::string said = error.what();
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return "it is empty";
  }
  const std::size_t last = error.byte == 0 ? 0 : error.byte - 1;
  const bool ended = last >= text.size();
  const std::size_t begin = ended ? text.size() : begin_of_word(text, last, said);
  const std::string_view before = text.substr(0, begin);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto newline = before.rfind('\n');
  const std::size_t column = begin - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": read " +
         (ended ? "the end" : word_at(text, begin)) + ", allowed is " + allowed_text(said);
}

}  // namespace

std::string json_reason(const json::exception& error) {
  const std::string said = error.what();
  const auto end = said.find("] ");
  return end == std::string::npos ? said : said.substr(end + 2);
}

json parse_json(std::string_view text) {
  Reading reading;
  json parsed;
  try {
    parsed = json::parse(text, [&reading](int /*depth*/, json::parse_event_t event, const json& now) {
      reading.meet(event, now);
      return true;
    });
  } catch (const json::parse_error& error) {
    throw Error("not JSON: " + place_and_reason(text, error));
  } catch (const json::exception& error) {
    throw Error("not JSON: " + json_reason(error));
  }
  reading.check();
  return parsed;
}

json read_json_file(const std::string& path) {
  std::string text;
  if (path == "-") {
    text = read_text(std::cin, "standard input");
  } else {
    std::ifstream file(path);
    if (!file) {
      throw SystemError(errno, "opening " + path);
    }
    text = read_text(file, path);
  }
  try {
    return parse_json(text);
  } catch (const Error& error) {
    throw Error("reading " + path + ": " + error.what());
  }
}

}  // namespace nicsentry
