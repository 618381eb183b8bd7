// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/run_configuration.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr const char* kConfigOption = "config";

std::string long_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : option.get_lnames().front();
}

bool in_files(const CLI::Option& option) {
  const std::string name = long_name(option);
  return !name.empty() && name != "help" && name != kConfigOption;
}

config::Kind kind_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) {
    return config::Kind::flag;
  }
  if (option.get_expected_max() > 1) {
    return config::Kind::list;
  }
  return option.get_type_name().starts_with("UINT") ? config::Kind::number : config::Kind::text;
}

// Gives an option these values, as the command line would. Throws CLI::ParseError.
void give(CLI::Option& option, const std::vector<std::string>& values) {
  option.clear();
  for (const std::string& value : values) {
    option.add_result(value);
  }
  option.run_callback();
}

// CLI11 begins an error with the option's name, which whoever reports it has named already.
std::string without_name(const CLI::Option& option, std::string text) {
  for (const std::string& name : {option.get_name(), option.get_name(false, true), "--" + long_name(option)}) {
    if (text.starts_with(name + ": ")) {
      return text.substr(name.size() + 2);
    }
  }
  return text;
}

// A command with the options of a run, to read values with.
struct ScratchRun {
  std::shared_ptr<CLI::App> command = std::make_shared<CLI::App>();
  std::shared_ptr<RunOptions> options = std::make_shared<RunOptions>();

  ScratchRun() {
    command->option_defaults()->disable_flag_override();
    add_run_options(*command, *options);
  }
  CLI::Option* option(const std::string& name) const { return command->get_option_no_throw("--" + name); }
};

std::string fault_of_values(CLI::Option& option, const std::vector<std::string>& values) {
  try {
    give(option, values);
  } catch (const CLI::Error& error) {
    return without_name(option, error.what());
  }
  return "";
}

// The table of options, made from those of the command line.
std::vector<config::Option> table_of_options() {
  const auto scratch = std::make_shared<ScratchRun>();
  std::vector<config::Option> table;
  for (CLI::Option* option : scratch->command->get_options()) {
    if (!in_files(*option)) {
      continue;
    }
    config::Option entry{long_name(*option), kind_of(*option), {}, {}, changes_in_flight(long_name(*option))};
    if (const std::string standard = option->get_default_str(); !standard.empty()) {
      entry.standard.push_back(standard);
    }
    entry.fault = [scratch, option](const std::vector<std::string>& values) {
      return fault_of_values(*option, values);
    };
    table.push_back(std::move(entry));
  }
  return table;
}

bool is_set(const config::FileValue& value, const config::Option& option) {
  return option.kind == config::Kind::flag ? value.values.back() == "true" : !value.values.empty();
}

// The file's value holds nothing where the command line has an option that it excludes.
bool excluded_by(const GivenOptions& given, const CLI::Option& option) {
  const auto excluded = option.get_excludes();
  return std::any_of(excluded.begin(), excluded.end(),
                     [&given](const CLI::Option* other) { return given.contains(long_name(*other)); });
}

// The ports of a run: those of the command line, else those of the file of all runs.
std::vector<std::string> ports_of(const GivenOptions& given, const std::filesystem::path& path,
                                  const std::vector<config::Option>& table) {
  if (const auto ports = given.find(config::kPorts); ports != given.end()) {
    return ports->second;
  }
  for (const config::FileValue& value : config::read(config::files_of(path, {}), table).values) {
    if (value.name == config::kPorts) {
      return value.values;
    }
  }
  return {};
}

// The units name the folder of the installation, whether it is there or not. Any other that is missing is a mistake.
bool may_be_there(const std::string& path) {
  std::error_code none;
  return path != NICSENTRY_CONFIG_DIR || std::filesystem::exists(path, none);
}

class Reader {
 public:
  Reader(const GivenOptions& given, const std::vector<config::File>& files, const std::vector<config::Option>& table)
      : given_(given), table_(table), read_(config::read(files, table)) {
    reading_.files = files;
    reading_.mistakes = read_.mistakes;
    reading_.command = scratch_.command;
    reading_.options = scratch_.options;
  }

  RunReading read() {
    for (const config::Option& option : table_) {
      take(option);
    }
    note_firewall();
    return std::move(reading_);
  }

 private:
  const config::FileValue* of_file(const std::string& name) const {
    const auto found = std::find_if(read_.values.begin(), read_.values.end(),
                                    [&name](const config::FileValue& value) { return value.name == name; });
    return found != read_.values.end() ? &*found : nullptr;
  }

  void take(const config::Option& entry) {
    CLI::Option& option = *scratch_.option(entry.name);
    const config::FileValue* value = of_file(entry.name);
    if (const auto given = given_.find(entry.name); given != given_.end()) {
      give(option, given->second);
      reading_.settings.push_back(config::setting(entry, given->second, config::kFromCommandLine));
    } else if (value != nullptr && !excluded_by(given_, option)) {
      if (is_set(*value, entry)) {
        check_excluded(option, *value);
        give(option, value->values);
        set_.insert(entry.name);
      }
      reading_.settings.push_back(config::setting(entry, value->values, config::place_of(*value)));
    } else {
      reading_.settings.push_back(config::setting(entry, entry.standard, config::kFromDefault));
    }
  }

  // Other options load the firewall, too: what is shown of the option is what holds.
  void note_firewall() {
    const auto of = [this](const char* name) {
      return std::find_if(reading_.settings.begin(), reading_.settings.end(),
                          [name](const config::Setting& one) { return one.name == name; });
    };
    const auto firewall = of("firewall");
    for (const char* name : {"rules", "egress-rules", "state"}) {
      const auto other = of(name);
      if (firewall->value == false && other != reading_.settings.end() && !other->value.is_null()) {
        firewall->value = true;
        firewall->source = std::string(name) + " (" + other->source + ")";
      }
    }
  }

  void check_excluded(const CLI::Option& option, const config::FileValue& value) {
    for (const CLI::Option* other : option.get_excludes()) {
      if (set_.contains(long_name(*other))) {
        reading_.mistakes.push_back(config::place_of(value) + ": " + value.name + ": excludes " + long_name(*other) +
                                    ", which " + config::place_of(*of_file(long_name(*other))) + " sets");
      }
    }
  }

  const GivenOptions& given_;
  const std::vector<config::Option>& table_;
  ScratchRun scratch_;
  config::Reading read_;
  std::set<std::string> set_;  // by files
  RunReading reading_;
};

}  // namespace

GivenOptions given_on(const CLI::App& command) {
  GivenOptions given;
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() != 0) {
      given[long_name(*option)] = option->results();
    }
  }
  return given;
}

RunReading read_run_options(const GivenOptions& given) {
  const auto table = table_of_options();
  std::vector<config::File> files;
  if (const auto path = given.find(kConfigOption); path != given.end() && may_be_there(path->second.back())) {
    files = config::files_of(path->second.back(), ports_of(given, path->second.back(), table));
  }
  return Reader(given, files, table).read();
}

RunReading read_run_options(const GivenOptions& given, const std::vector<config::File>& files) {
  return Reader(given, files, table_of_options()).read();
}

RunReading checked_run_options(const GivenOptions& given) {
  RunReading reading = read_run_options(given);
  if (const std::string fault = fault_of(reading); !fault.empty() && reading.mistakes.empty()) {
    reading.mistakes.push_back(fault);
  }
  if (!reading.mistakes.empty()) {
    std::string text;
    for (const std::string& mistake : reading.mistakes) {
      text += (text.empty() ? "" : "\n") + mistake;
    }
    throw Error(text);
  }
  return reading;
}

std::string fault_of(const RunReading& reading) {
  try {
    check_run_options(*reading.options);
    daemon_options(*reading.options);
    run_output(*reading.options);
  } catch (const CLI::Error& error) {
    return error.what();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace nicsentry
