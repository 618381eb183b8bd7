// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace nicsentry::config {

// The form of an option's value.
enum class Kind : std::uint8_t { flag, number, text, list };

// An option that files may set, under its name on the command line.
struct Option {
  std::string name;  // without "--"
  Kind kind = Kind::text;
  std::vector<std::string> standard;  // its default as text; none: it has no value then
  // The words of an error about these values; empty: they are allowed.
  std::function<std::string(const std::vector<std::string>& values)> fault;
  bool reload = false;  // whether a reload takes another value; else that takes a restart
};

// A value that a file sets.
struct FileValue {
  std::string name;
  std::vector<std::string> values;  // of a flag: "true" or "false"
  std::filesystem::path file;
  std::size_t line = 0;
};

// "/etc/nicsentry/eth0.conf:12"
std::string place_of(const FileValue& value);

// A file to read. That of one port may not name ports.
struct File {
  std::filesystem::path path;
  bool of_one_port = false;
};

// The file of all runs in a directory, and that of one port.
inline constexpr const char* kCommonFile = "nicsentry.conf";
inline constexpr const char* kSuffix = ".conf";
// The option that names ports.
inline constexpr const char* kPorts = "interface";

// The files that a path stands for: itself. Of a directory nicsentry.conf, and for a run of one port PORT.conf, where
// they are there. Throws Error where there is nothing of this name.
std::vector<File> files_of(const std::filesystem::path& path, const std::vector<std::string>& ports);
// All configuration files of a directory, nicsentry.conf first. Throws Error.
std::vector<File> files_in(const std::filesystem::path& directory);

// What files say. A later file's value is in place of an earlier one's.
struct Reading {
  std::vector<FileValue> values;      // in the order of the options; each option once
  std::vector<std::string> mistakes;  // "FILE:LINE: key: what was read, and what is allowed"
};
Reading read(const std::vector<File>& files, const std::vector<Option>& options);

// The value of an option that holds, and where it comes from.
struct Setting {
  std::string name;
  nlohmann::ordered_json value;  // null: it has none
  std::string source;            // "default", "command line", or a file's place
  bool reload = false;
};
inline constexpr const char* kFromDefault = "default";
inline constexpr const char* kFromCommandLine = "command line";

Setting setting(const Option& option, const std::vector<std::string>& values, std::string source);
// The value as a line of a file has it: `"both"`, `true`, `["csv", "jsonl"]`.
std::string value_text(const Setting& setting);
nlohmann::ordered_json settings_json(const std::vector<Setting>& settings);

}  // namespace nicsentry::config
