// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/commands.h"

namespace nicsentry {

// Adds `programs format` and `programs check`.
void add_programs_format(CLI::App& programs, Action& chosen);
void add_programs_check(CLI::App& programs, Action& chosen);

}  // namespace nicsentry
