// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

namespace nicsentry {

// --version, and --json beside it: what this executable was built from, instead of a command.
void add_version_options(CLI::App& app);

}  // namespace nicsentry
