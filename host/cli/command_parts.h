// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "host/cli/commands.h"

namespace nicsentry {

// Adds a command's part ("rules show") that shares its options with the others: when it is given, `chosen` performs it.
template <typename Options>
CLI::App* add_part(CLI::App& command, const char* name, const char* what, const std::shared_ptr<Options>& options,
                   int (*perform)(const Options&), Action& chosen) {
  CLI::App* part = command.add_subcommand(name, what);
  part->callback([options, perform, &chosen] { chosen = [options, perform] { return perform(*options); }; });
  return part;
}

}  // namespace nicsentry
