// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/command_tree.h"
#include "host/cli/commands.h"
#include "host/cli/help_topics.h"
#include "host/cli/value_candidates.h"

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

// How many values an option takes at most; a flag takes none.
int values_taken(const CLI::Option& option) {
  const int most = option.get_items_expected_max();
  return most > 1 && !option.get_allow_extra_args() ? 1 : most;
}

// The argument without a name that stands behind so many others.
const CLI::Option* argument_at(const CLI::App& command, int position) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() && (position -= values_taken(*option)) < 0) {
      return option;
    }
  }
  return nullptr;
}

// Where the words lead, the last one left out: the command, whose value comes next, and the port that they name.
class Reading {
 public:
  Reading(const CLI::App& program, std::span<const std::string> words) : place_(walk_commands(program, {}).place) {
    for (const std::string& word : words) {
      take(program, word);
    }
  }

  const CommandPlace& place() const { return place_; }
  const std::string& interface() const { return interface_; }
  // Nothing where none is expected.
  const CLI::Option* next() const { return left_ > 0 ? open_ : argument_at(*place_.command, arguments_); }
  bool option_is_open() const { return left_ > 0; }

 private:
  void take(const CLI::App& program, const std::string& word) {
    if (word.size() > 1 && word.starts_with('-')) {
      take_option(word);
    } else if (left_ > 0) {
      --left_;
      interface_ = open_->check_lname("interface") ? word : interface_;
    } else {
      take_word(program, word);
    }
  }

  void take_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    open_ = find_option(place_, word.substr(0, equals));
    left_ = open_ != nullptr && equals == std::string::npos ? values_taken(*open_) : 0;
  }

  void take_word(const CLI::App& program, const std::string& word) {
    std::vector<std::string> line = line_;
    line.push_back(word);
    CommandPlace place = walk_commands(program, line).place;
    if (place.command == place_.command) {
      ++arguments_;
      return;
    }
    place_ = std::move(place);
    line_ = std::move(line);
    arguments_ = 0;
  }

  CommandPlace place_;
  std::vector<std::string> line_;  // the commands' names
  const CLI::Option* open_ = nullptr;
  int left_ = 0;       // values that it takes
  int arguments_ = 0;  // behind the command
  std::string interface_;
};

void append(std::vector<std::string>& all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// "--mode=dr": what may stand behind the '='.
std::vector<std::string> values_behind_equals(const Reading& reading, const std::string& begun) {
  const std::size_t equals = begun.find('=');
  const std::string name = begun.substr(0, equals);
  const CLI::Option* option = find_option(reading.place(), name);
  std::vector<std::string> values;
  if (option != nullptr && values_taken(*option) > 0) {
    for (const std::string& value : value_candidates(*option, begun.substr(equals + 1), reading.interface())) {
      values.push_back(begun.substr(0, equals + 1) + value);
    }
  }
  return values;
}

// Lists words that may stand in place of the last one. Nothing where any text or a file may.
std::vector<std::string> candidates(const CLI::App& program, std::vector<std::string> words) {
  const std::string begun = words.empty() ? "" : words.back();
  if (!words.empty()) {
    words.pop_back();
  }
  std::vector<std::string> all;
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    append(all, words.empty() ? topic_names() : std::vector<std::string>());
  }
  const Reading reading(program, words);
  if (begun.starts_with('-')) {
    all = begun.find('=') == std::string::npos ? option_names(reading.place()) : values_behind_equals(reading, begun);
  } else {
    if (const CLI::Option* option = reading.next()) {
      append(all, value_candidates(*option, begun, reading.interface()));
    }
    if (!reading.option_is_open()) {
      append(all, command_names(*reading.place().command));
    }
  }
  std::erase_if(all, [&begun](const std::string& one) { return !one.starts_with(begun); });
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
