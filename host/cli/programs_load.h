// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/commands.h"

namespace nicsentry {

// Adds `programs load`, `list`, `show` and `unload`.
void add_programs_load(CLI::App& programs, Action& chosen);
void add_programs_loaded(CLI::App& programs, Action& chosen);

}  // namespace nicsentry
