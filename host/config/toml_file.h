// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry::config {

// A value of a TOML file, with the line that it begins on.
struct TomlValue {
  enum class Type : std::uint8_t { boolean, integer, text, list, other };
  Type type = Type::other;
  std::string text;                 // without quotes; of a list empty
  std::vector<TomlValue> elements;  // of a list
  std::size_t line = 0;
};

// As an error has it: "5 (a number)", "'fast'", "a list", "a table or a time".
std::string described(const TomlValue& value);

struct TomlEntry {
  std::string key;
  TomlValue value;
};

struct TomlMistake {
  std::size_t line = 0;
  std::string text;
};

struct TomlFile {
  std::vector<TomlEntry> entries;     // the keys of the uppermost table, by their lines
  std::vector<TomlMistake> mistakes;  // lines that are no TOML; the others are read nevertheless
};

// Throws SystemError where the file cannot be read.
TomlFile read_toml(const std::filesystem::path& path);

}  // namespace nicsentry::config
