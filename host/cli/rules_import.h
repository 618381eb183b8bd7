// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/commands.h"

namespace nicsentry {

// Adds `rules import`: a ruleset that says the same as rules of nft or iptables.
void add_import_command(CLI::App& rules, Action& chosen);

}  // namespace nicsentry
