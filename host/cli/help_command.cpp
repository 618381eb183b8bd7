// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "host/cli/command_tree.h"
#include "host/cli/commands.h"

namespace nicsentry {
namespace {

std::string help_of(const CommandPlace& place) {
  return place.command->get_formatter()->make_help(place.command, place.line, CLI::AppFormatMode::Normal);
}

}  // namespace

void add_help_command(CLI::App& app, Action& chosen) {
  const auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("help", "print the help of a command");
  command->add_option("COMMAND", *words, "the command, and the one below it");
  command->footer("Example:\n  nicsentry help rules apply");
  command->callback([&app, &chosen, words] {
    chosen = [&app, words] {
      if (const auto error = unknown_word_error(app, *words)) {
        std::fprintf(stderr, "nicsentry: error: %s\n", error->c_str());
        return kExitUsage;
      }
      std::fputs(help_of(walk_commands(app, *words).place).c_str(), stdout);
      return kExitSuccess;
    };
  });
}

}  // namespace nicsentry
