// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/commands.h"

namespace nicsentry {

// Adds `programs read`.
void add_programs_read(CLI::App& programs, Action& chosen);

}  // namespace nicsentry
