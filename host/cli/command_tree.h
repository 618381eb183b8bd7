// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nicsentry {

// A command, and the line that leads to it: "nicsentry rules show".
struct CommandPlace {
  const CLI::App* command = nullptr;
  std::string line;
  std::vector<const CLI::App*> levels;  // from the program to the command: each one's options hold
};

// How far words lead into the tree of commands.
struct CommandWalk {
  CommandPlace place;
  std::optional<std::string> unknown_command;  // the first word that stands where a command has to, and is none
  std::optional<std::string> unknown_option;   // the first "--NAME" or "-N" that no level up to there has
  CommandPlace option_place;                   // where that stands
  bool option_first = false;                   // before the unknown command
};
CommandWalk walk_commands(const CLI::App& program, std::span<const std::string> words);

// Those that --help lists.
std::vector<std::string> command_names(const CLI::App& command);
std::vector<std::string> option_names(const CommandPlace& place);

// An error about the first unknown command or option, with what was meant; nothing where each one is known. `topics`:
// words that may stand in place of a command.
std::optional<std::string> unknown_word_error(const CLI::App& program, std::span<const std::string> words,
                                              std::span<const std::string> topics = {});

}  // namespace nicsentry
