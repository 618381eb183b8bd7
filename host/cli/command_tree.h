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
  std::optional<std::string> unknown_option;   // the first "--NAME" that no level has
};
CommandWalk walk_commands(const CLI::App& program, std::span<const std::string> words);

// Those that --help lists.
std::vector<std::string> command_names(const CLI::App& command);
std::vector<std::string> option_names(const CommandPlace& place);

// What is wrong with the words and what was meant; nothing where each command and option is known.
std::optional<std::string> unknown_word_error(const CLI::App& program, std::span<const std::string> words);

}  // namespace nicsentry
