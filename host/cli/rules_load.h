// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/commands.h"

namespace nicsentry {

// rules load, rules export, rules diff.
void add_ruleset_commands(CLI::App& rules, Action& chosen);

}  // namespace nicsentry
