// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/cli/command_tree.h"
#include "host/cli/commands.h"
#include "host/cli/help_topics.h"
#include "host/cli/line_reading.h"
#include "host/cli/value_candidates.h"

namespace nicsentry {
namespace {

void append(std::vector<std::string>& all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// "--mode=dr": what may stand behind the '='.
std::vector<std::string> values_behind_equals(const LineReading& reading, const std::string& begun) {
  const std::size_t equals = begun.find('=');
  const std::string name = begun.substr(0, equals);
  const CLI::Option* option = find_option(reading.place(), name);
  std::vector<std::string> values;
  if (option != nullptr && values_taken(*option) > 0) {
    for (const std::string& value : value_candidates(*option, begun.substr(equals + 1), reading.so_far())) {
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
  const LineReading reading(program, words);
  if (begun.starts_with('-')) {
    all = begun.find('=') == std::string::npos ? option_names(reading.place()) : values_behind_equals(reading, begun);
  } else {
    if (const CLI::Option* option = reading.next()) {
      append(all, value_candidates(*option, begun, reading.so_far()));
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
