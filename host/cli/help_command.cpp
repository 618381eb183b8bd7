// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/command_tree.h"
#include "host/cli/commands.h"
#include "host/cli/help_topics.h"

namespace nicsentry {
namespace {

std::string help_of(const CommandPlace& place) {
  return place.command->get_formatter()->make_help(place.command, place.line, CLI::AppFormatMode::Normal);
}

// "Topics: addresses, ..."
std::string topics_line() {
  std::string names;
  for (const std::string& name : topic_names()) {
    names += (names.empty() ? "Topics: " : ", ") + name;
  }
  return names + ".\n";
}

}  // namespace

void add_help_command(CLI::App& app, Action& chosen) {
  const auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("help", "print the help of a command or a topic");
  command->add_option("COMMAND", *words, "the command, and the one below it; or a topic");
  app.footer(topics_line() + "nicsentry help COMMAND and nicsentry help TOPIC say more.");
  command->footer(topics_line() + "Examples:\n  nicsentry help rules apply\n  nicsentry help fields");
  command->callback([&app, &chosen, words] {
    chosen = [&app, words] {
      if (const auto text = words->size() == 1 ? topic_text(words->front()) : std::string_view(); !text.empty()) {
        std::fputs(std::string(text).c_str(), stdout);
        return kExitSuccess;
      }
      const std::vector<std::string> topics = words->size() == 1 ? topic_names() : std::vector<std::string>();
      if (const auto error = unknown_word_error(app, *words, topics)) {
        std::fprintf(stderr, "nicsentry: error: %s\n", error->c_str());
        return kExitUsage;
      }
      std::fputs(help_of(walk_commands(app, *words).place).c_str(), stdout);
      return kExitSuccess;
    };
  });
}

}  // namespace nicsentry
