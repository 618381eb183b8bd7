// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/commands.h"

namespace nicsentry {

// Adds `rules explain`: what the firewall does with a packet, and why.
void add_explain_command(CLI::App& rules, Action& chosen);

}  // namespace nicsentry
