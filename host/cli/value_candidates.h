// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace nicsentry {

// What may stand where a value of this option has begun. Nothing where any text or a file may, or where nobody can be
// asked. `interface` says which run knows sets; "": the only one.
std::vector<std::string> value_candidates(const CLI::Option& option, const std::string& begun,
                                          const std::string& interface);

}  // namespace nicsentry
