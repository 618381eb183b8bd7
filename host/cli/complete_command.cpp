// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "host/cli/command_tree.h"
#include "host/cli/commands.h"
#include "host/cli/rules_change.h"
#include "host/rules/language/rule_words.h"

namespace nicsentry {
namespace {

const CLI::Option* find_option(const CommandPlace& place, const std::string& name) {
  for (const CLI::App* level : place.levels) {
    if (const CLI::Option* option = level->get_option_no_throw(name)) {
      return option;
    }
  }
  return nullptr;
}

std::vector<std::string> interfaces() {
  std::vector<std::string> names;
  std::error_code none_without_sysfs;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net", none_without_sysfs)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

// What --help has as "TEXT:{one,two}".
std::vector<std::string> choices(const std::string& type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) {
    return {};
  }
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

std::vector<std::string> values(const CLI::Option& option) {
  return option.check_lname("interface") ? interfaces() : choices(option.get_type_name());
}

// What may stand in place of the last word. Nothing where any text or a file may.
std::vector<std::string> candidates(const CLI::App& program, std::vector<std::string> words) {
  const std::string begun = words.empty() ? "" : words.back();
  if (!words.empty()) {
    words.pop_back();
  }
  const CommandPlace place = walk_commands(program, words).place;
  const CLI::Option* before = words.empty() ? nullptr : find_option(place, words.back());
  std::vector<std::string> all;
  if (before != nullptr && before->get_items_expected_max() > 0) {
    all = values(*before);
  } else if (begun.starts_with('-')) {
    all = option_names(place);
  } else {
    all = command_names(*place.command);
    if (place.command->get_option_no_throw(kRuleWords) != nullptr) {
      const std::vector<std::string> beginnings = rule_word_beginnings();
      all.insert(all.end(), beginnings.begin(), beginnings.end());
    }
  }
  all.erase(std::remove_if(all.begin(), all.end(), [&begun](const auto& one) { return !one.starts_with(begun); }),
            all.end());
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

// For the shells' scripts in scripts/completion; --help does not list it.
void add_complete_command(CLI::App& app, Action& chosen) {
  const auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("complete", "print what may stand in place of the last word");
  command->group("");
  command->add_option("WORD", *words, "the words behind `nicsentry`");
  command->footer("Example:\n  nicsentry complete -- rules sh");
  command->callback([&app, &chosen, words] {
    chosen = [&app, words] {
      for (const std::string& candidate : candidates(app, *words)) {
        std::puts(candidate.c_str());
      }
      return kExitSuccess;
    };
  });
}

}  // namespace nicsentry
