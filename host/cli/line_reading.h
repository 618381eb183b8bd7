// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/cli/command_tree.h"

namespace nicsentry {

// How many values an option takes at most; a flag takes none.
int values_taken(const CLI::Option& option);
// Null where no level has it.
const CLI::Option* find_option(const CommandPlace& place, const std::string& name);

// Facts from the words of a line that matter for those behind them.
struct LineSoFar {
  std::string interface;
  std::string set;         // the last one that was named
  bool egress = false;     // --egress
  bool grouped = false;    // --by
  bool arguments = false;  // behind the command stands an argument already
};

// Words of a line, with the values of options and the arguments of the command: which of them comes next.
class LineReading {
 public:
  LineReading(const CLI::App& program, std::span<const std::string> words);

  const CommandPlace& place() const { return place_; }
  const LineSoFar& so_far() const { return so_far_; }
  // Nothing where none is expected.
  const CLI::Option* next() const;
  bool option_is_open() const { return left_ > 0; }
  // The place of the first word that is neither an option's value nor an argument nor a command.
  std::optional<std::size_t> stray() const { return stray_; }

 private:
  void take(const CLI::App& program, const std::string& word);
  void take_option(const std::string& word);
  void take_word(const CLI::App& program, const std::string& word);
  void take_argument(const std::string& word);

  CommandPlace place_;
  LineSoFar so_far_;
  std::vector<std::string> line_;  // the commands' names
  const CLI::Option* open_ = nullptr;
  int left_ = 0;           // values that it takes
  int arguments_ = 0;      // behind the command
  std::size_t taken_ = 0;  // words
  std::optional<std::size_t> stray_;
};

// An error about the first word that a command has no use for, with what was meant: "run eth0" is "run -i eth0".
// Nothing where there is none.
std::optional<std::string> stray_word_error(const CLI::App& program, std::span<const std::string> words);

}  // namespace nicsentry
