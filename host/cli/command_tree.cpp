// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/command_tree.h"

#include <algorithm>
#include <cctype>

#include "host/base/closest_word.h"
#include "host/cli/other_commands.h"
#include "host/cli/rules_change.h"
#include "host/rules/language/other_tools.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

std::vector<const CLI::App*> subcommands(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App*) { return true; });
}

bool has_option(const CommandPlace& place, const std::string& name) {
  return std::any_of(place.levels.begin(), place.levels.end(),
                     [&name](const CLI::App* level) { return level->get_option_no_throw(name) != nullptr; });
}

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
  const auto meant = closest_word(word, candidates);
  return meant ? "; did you mean '" + *meant + "'? " : "; ";
}

// As other tools name it, or nothing.
std::string meant_elsewhere(const CommandPlace& place, const std::string& word) {
  const std::string meant = command_meant(place.line, word);
  return meant.empty() ? "" : "; did you mean '" + meant + "'? ";
}

std::string command_suggestion(const CommandPlace& place, const std::string& word,
                               std::span<const std::string> topics) {
  const std::string meant = meant_elsewhere(place, word);
  std::vector<std::string> names = command_names(*place.command);
  names.insert(names.end(), topics.begin(), topics.end());
  return meant.empty() ? suggestion(word, names) : meant;
}

// "-q" or "-qi"; not "--quiet", "-" or "-1".
bool is_short_option(const std::string& word) {
  return word.size() > 1 && std::isalpha(static_cast<unsigned char>(word[1])) != 0;
}

// A rule's field, where iptables has an option.
std::string option_suggestion(const CommandPlace& place, const std::string& name) {
  const bool of_rule = place.command->get_option_no_throw(kRuleWords) != nullptr;
  const std::string field = of_rule ? field_hint(name, rule_fields()) : "";
  if (!field.empty()) {
    return field + " ";
  }
  const std::string meant = meant_elsewhere(place, name);
  // One letter is close to any other.
  return !meant.empty() ? meant : is_short_option(name) ? "; " : suggestion(name, option_names(place));
}

}  // namespace

CommandWalk walk_commands(const CLI::App& program, std::span<const std::string> words) {
  CommandWalk walk;
  walk.place = {&program, program.get_name(), {&program}};
  for (const std::string& word : words) {
    if (word == "--") {
      break;
    }
    if (word.starts_with('-')) {
      // "-qi" is "-q -i".
      const std::string name = is_short_option(word) ? word.substr(0, 2) : word.substr(0, word.find('='));
      const bool is_name = is_short_option(word) || word.starts_with("--");
      if (!walk.unknown_option && is_name && !has_option(walk.place, name)) {
        walk.unknown_option = name;
        walk.option_place = walk.place;
        walk.option_first = !walk.unknown_command;
      }
      continue;
    }
    const auto commands = subcommands(*walk.place.command);
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&word](const CLI::App* command) { return command->get_name() == word; });
    if (found != commands.end()) {
      walk.place.command = *found;
      walk.place.levels.push_back(*found);
      walk.place.line += " " + word;
    } else if (!commands.empty() && !walk.unknown_command) {
      walk.unknown_command = word;
    }
  }
  return walk;
}

std::vector<std::string> command_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* subcommand : subcommands(command)) {
    if (!subcommand->get_group().empty()) {
      names.push_back(subcommand->get_name());
    }
  }
  return names;
}

std::vector<std::string> option_names(const CommandPlace& place) {
  std::vector<std::string> names;
  for (const CLI::Option* option : place.command->get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::optional<std::string> unknown_word_error(const CLI::App& program, std::span<const std::string> words,
                                              std::span<const std::string> topics) {
  const CommandWalk walk = walk_commands(program, words);
  constexpr const char* kHelp = " --help lists them";
  if (walk.unknown_option && (walk.option_first || !walk.unknown_command)) {
    return "unknown option '" + *walk.unknown_option + "'" +
           option_suggestion(walk.option_place, *walk.unknown_option) + walk.option_place.line + kHelp;
  }
  if (walk.unknown_command) {
    return "unknown command '" + *walk.unknown_command + "'" +
           command_suggestion(walk.place, *walk.unknown_command, topics) + walk.place.line + kHelp;
  }
  return std::nullopt;
}

}  // namespace nicsentry
