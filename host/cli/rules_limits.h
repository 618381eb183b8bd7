// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/commands.h"

namespace nicsentry {

// `rules limits`: who is beyond a limit.
void add_limits_command(CLI::App& rules, Action& chosen);

}  // namespace nicsentry
