// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "host/cli/line_reading.h"

namespace nicsentry {

// Lists what may stand where a value of this option has begun. Nothing where any text or a file may, or where nobody
// can be asked. The line says which run knows sets and rules; without an interface the only one.
std::vector<std::string> value_candidates(const CLI::Option& option, const std::string& begun, const LineSoFar& line);

}  // namespace nicsentry
