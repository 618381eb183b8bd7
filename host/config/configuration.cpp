// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/config/configuration.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "host/base/closest_word.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/base/utf8.h"
#include "host/config/toml_file.h"

namespace nicsentry::config {
namespace {

namespace fs = std::filesystem;

using Type = TomlValue::Type;

constexpr std::size_t kMostNamed = 20;     // of a file
constexpr std::size_t kLongestText = 300;  // of a mistake, bytes

// A file may hold nothing but mistakes, and a key or a value may be as long as a file.
void cut_mistakes(std::vector<std::string>& mistakes, std::size_t before, const fs::path& file) {
  const std::size_t count = mistakes.size() - before;
  if (count > kMostNamed) {
    mistakes.resize(before + kMostNamed);
    mistakes.push_back(file.string() + ": and " + std::to_string(count - kMostNamed) + " more mistakes");
  }
}

const char* allowed_form(Kind kind) {
  switch (kind) {
    case Kind::flag:
      return "true or false, without quotes";
    case Kind::number:
      return "a whole number, without quotes";
    case Kind::text:
      return "a text, in quotes";
    case Kind::list:
      break;
  }
  return "a text, in quotes, or a list of such, in brackets";
}

// Reads the values of one option from one entry of a file. Mistakes are added.
class EntryReader {
 public:
  EntryReader(const File& file, const TomlEntry& entry, std::vector<std::string>& mistakes)
      : file_(file), entry_(entry), mistakes_(mistakes) {}

  void unknown(const std::vector<std::string>& names) {
    const auto meant = closest_word(entry_.key, names);
    add(entry_.value.line, "unknown key" + (meant ? "; did you mean '" + *meant + "'?" : std::string()) +
                               "; allowed are the options of 'nicsentry run', without '--'");
  }

  void ports_of_one_port() {
    add(entry_.value.line, "read " + described(entry_.value) + "; this file is of the port that it is named after");
  }

  std::optional<FileValue> take(const Option& option) {
    const TomlValue& value = entry_.value;
    FileValue taken{option.name, {}, file_.path, value.line};
    bool good = true;
    if (option.kind == Kind::list && value.type == Type::list) {
      for (const TomlValue& element : value.elements) {
        good = take(option, Type::text, element, taken.values) && good;
      }
    } else {
      const Type wanted = option.kind == Kind::flag     ? Type::boolean
                          : option.kind == Kind::number ? Type::integer
                                                        : Type::text;
      good = take(option, wanted, value, taken.values);
    }
    // Together they may be wrong where each one is right.
    const std::string together =
        good && taken.values.size() > 1 && option.fault ? option.fault(taken.values) : std::string();
    if (!together.empty()) {
      add(value.line, "read " + together);
      good = false;
    }
    return good ? std::optional(std::move(taken)) : std::nullopt;
  }

 private:
  bool take(const Option& option, Type wanted, const TomlValue& value, std::vector<std::string>& values) {
    if (value.type != wanted) {
      add(value.line, "read " + described(value) + ", allowed is " + allowed_form(option.kind));
      return false;
    }
    if (const std::string fault = option.fault ? option.fault({value.text}) : ""; !fault.empty()) {
      add(value.line, "read " + fault);
      return false;
    }
    values.push_back(value.text);
    return true;
  }

  void add(std::size_t line, const std::string& text) {
    mistakes_.push_back(file_.path.string() + ":" + std::to_string(line) + ": " + cut_text(entry_.key, kLongestText) +
                        ": " + cut_text(text, kLongestText));
  }

  const File& file_;
  const TomlEntry& entry_;
  std::vector<std::string>& mistakes_;
};

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

}  // namespace

std::string place_of(const FileValue& value) { return value.file.string() + ":" + std::to_string(value.line); }

std::vector<File> files_of(const fs::path& path, const std::vector<std::string>& ports) {
  std::error_code none;
  if (!fs::is_directory(path, none)) {
    if (!is_there(path)) {
      throw SystemError(ENOENT, "reading the configuration " + path.string());
    }
    return {{path, false}};
  }
  std::vector<File> files;
  if (const fs::path common = path / kCommonFile; is_there(common)) {
    files.push_back({common, false});
  }
  if (ports.size() == 1) {
    const fs::path own = path / (ports.front() + kSuffix);
    if (own.filename() != kCommonFile && is_there(own)) {
      files.push_back({own, true});
    }
  }
  return files;
}

std::vector<File> files_in(const fs::path& directory) {
  std::set<fs::path> own;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end; entry.increment(failure)) {
    if (entry->path().extension() == kSuffix && entry->path().filename() != kCommonFile) {
      own.insert(entry->path());
    }
  }
  if (failure) {
    throw SystemError(failure.value(), "reading the directory " + directory.string());
  }
  std::vector<File> files = files_of(directory, {});
  for (const fs::path& path : own) {
    files.push_back({path, true});
  }
  return files;
}

Reading read(const std::vector<File>& files, const std::vector<Option>& options) {
  std::vector<std::string> names;
  names.reserve(options.size());
  for (const Option& option : options) {
    names.push_back(option.name);
  }
  std::map<std::string, FileValue> last;
  Reading reading;
  for (const File& file : files) {
    const std::size_t mistakes_before = reading.mistakes.size();
    const TomlFile toml = read_toml(file.path);
    for (const TomlMistake& mistake : toml.mistakes) {
      reading.mistakes.push_back(file.path.string() + ":" + std::to_string(mistake.line) + ": " + mistake.text);
    }
    for (const TomlEntry& entry : toml.entries) {
      EntryReader reader(file, entry, reading.mistakes);
      const auto option =
          std::find_if(options.begin(), options.end(), [&entry](const Option& one) { return one.name == entry.key; });
      if (option == options.end()) {
        reader.unknown(names);
      } else if (file.of_one_port && entry.key == kPorts) {
        reader.ports_of_one_port();
      } else if (auto value = reader.take(*option)) {
        last.insert_or_assign(entry.key, std::move(*value));
      }
    }
    cut_mistakes(reading.mistakes, mistakes_before, file.path);
  }
  for (const std::string& name : names) {
    if (const auto found = last.find(name); found != last.end()) {
      reading.values.push_back(std::move(found->second));
    }
  }
  return reading;
}

Setting setting(const Option& option, const std::vector<std::string>& values, std::string source) {
  Setting result{option.name, nullptr, std::move(source), option.reload};
  switch (option.kind) {
    case Kind::flag:
      result.value = !values.empty() && values.back() == "true";
      break;
    case Kind::number:
      if (const auto number = values.empty() ? std::nullopt : parse_number<std::uint64_t>(values.back())) {
        result.value = *number;
      }
      break;
    case Kind::text:
      if (!values.empty()) {
        result.value = values.back();
      }
      break;
    case Kind::list:
      result.value = values;
      break;
  }
  return result;
}

std::string value_text(const Setting& setting) {
  return setting.value.is_null() ? "none"
                                 : setting.value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json settings_json(const std::vector<Setting>& settings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Setting& setting : settings) {
    list.push_back(
        {{"name", setting.name}, {"value", setting.value}, {"source", setting.source}, {"reload", setting.reload}});
  }
  return list;
}

}  // namespace nicsentry::config
