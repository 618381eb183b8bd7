// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/config/toml_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <string_view>
#include <toml.hpp>
#include <utility>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/base/utf8.h"

namespace nicsentry::config {
namespace {

constexpr std::size_t kMostMistakes = 20;
constexpr std::size_t kLargestFile = std::size_t{1} << 16;
constexpr int kDeepest = 16;  // lists within lists, parts of a key: the parser calls itself for each

// Refuses what would take the parser's stack or hours. Brackets in texts count as well: no option has as many.
void check_depth(const std::filesystem::path& path, std::string_view content) {
  int depth = 0;
  int parts = 0;
  int line = 1;
  bool in_value = false;
  for (const char read : content) {
    depth += read == '[' || read == '{' ? 1 : read == ']' || read == '}' ? -1 : 0;
    in_value = read == '=' || (in_value && read != '\n');
    parts = read == '\n' ? 0 : parts + (read == '.' && !in_value ? 1 : 0);
    if (depth > kDeepest || parts > kDeepest) {
      throw Error(path.string() + ":" + std::to_string(line) + ": it is nested deeper than " +
                  std::to_string(kDeepest) + " levels");
    }
    line += read == '\n' ? 1 : 0;
  }
}

std::string content_of(const std::filesystem::path& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) {
    throw SystemError(errno, "reading " + path.string());
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(path.string() + " is not a regular file: it cannot be read as a configuration");
  }
  std::string content;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno != EINTR) {
      throw SystemError(errno, "reading " + path.string());
    }
    if (got == 0) {
      check_depth(path, content);
      return content;
    }
    content.append(part.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    if (content.size() > kLargestFile) {
      throw Error("EFBIG: reading " + path.string() + ": a configuration has 64 KiB at most");
    }
  }
}

TomlValue value_of(const toml::value& read) {
  TomlValue value;
  value.line = read.location().line();
  switch (read.type()) {
    case toml::value_t::boolean:
      value.type = TomlValue::Type::boolean;
      value.text = read.as_boolean() ? "true" : "false";
      break;
    case toml::value_t::integer:
      value.type = TomlValue::Type::integer;
      value.text = std::to_string(read.as_integer());
      break;
    case toml::value_t::string:
      value.type = TomlValue::Type::text;
      value.text = read.as_string().str;
      break;
    case toml::value_t::array:
      value.type = TomlValue::Type::list;
      for (const toml::value& element : read.as_array()) {
        value.elements.push_back(value_of(element));
      }
      break;
    default:
      break;
  }
  return value;
}

// Where a line is one assignment as a whole, the rest of the file can be read without it.
bool stands_alone(std::string_view line) {
  return line.find('=') != std::string_view::npos && line.find("\"\"\"") == std::string_view::npos &&
         std::count(line.begin(), line.end(), '[') == std::count(line.begin(), line.end(), ']');
}

// Empties a line, so that the others keep their numbers. False where there is no such line.
bool blank_line(std::string& content, std::size_t number) {
  std::size_t begin = 0;
  for (std::size_t line = 1; line < number; ++line) {
    const std::size_t end = content.find('\n', begin);
    if (end == std::string::npos) {
      return false;
    }
    begin = end + 1;
  }
  const std::size_t length = std::min(content.find('\n', begin), content.size()) - begin;
  content.erase(begin, length);
  return length != 0;
}

// toml11 explains itself over several lines, with a drawing.
std::string reason(const toml::exception& error) {
  const std::string_view words = error.what();
  constexpr std::size_t kLongestLine = 120;
  const std::string line = cut_text(error.location().line_str(), kLongestLine);
  if (words.find("already exists") != std::string_view::npos) {
    return "'" + line + "': the key is set above already";
  }
  return (line.empty() ? "the file ends within a value" : "'" + line + "' is no TOML") +
         "; allowed is KEY = VALUE, where a text stands in quotes, a list in brackets, and true, false and numbers as "
         "they are";
}

}  // namespace

std::string described(const TomlValue& value) {
  switch (value.type) {
    case TomlValue::Type::boolean:
      return value.text;
    case TomlValue::Type::integer:
      return value.text + " (a number)";
    case TomlValue::Type::text:
      return "'" + value.text + "'";
    case TomlValue::Type::list:
      return "a list";
    case TomlValue::Type::other:
      break;
  }
  return "a table, a fraction or a time";
}

TomlFile read_toml(const std::filesystem::path& path) {
  std::string content = content_of(path);
  TomlFile file;
  for (;;) {
    try {
      std::istringstream text(content);
      const toml::value all = toml::parse(text, path.string());
      for (const auto& [key, value] : all.as_table()) {
        file.entries.push_back({key, value_of(value)});
      }
      break;
    } catch (const toml::exception& error) {
      file.mistakes.push_back({error.location().line(), reason(error)});
      if (file.mistakes.size() == kMostMistakes) {
        file.mistakes.back().text += "; the lines behind it are not read";
        break;
      }
      if (!stands_alone(error.location().line_str()) || !blank_line(content, error.location().line())) {
        break;
      }
    } catch (const std::exception& error) {  // of its standard library calls, without a place
      file.mistakes.push_back({1, std::string("the file is no TOML: ") + error.what()});
      break;
    }
  }
  std::stable_sort(file.entries.begin(), file.entries.end(),
                   [](const TomlEntry& one, const TomlEntry& other) { return one.value.line < other.value.line; });
  return file;
}

}  // namespace nicsentry::config
