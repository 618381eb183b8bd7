// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace nicsentry {

// -i: the controller to ask, by a port that it watches.
void add_controller_option(CLI::App& command, std::string& interface);

}  // namespace nicsentry
