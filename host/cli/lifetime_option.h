// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace nicsentry {

// --for: how long entries of a set are to hold.
void add_lifetime_option(CLI::App& command, std::string& lifetime);

// Adds "for_s" to a request where the option is given.
void request_lifetime(nlohmann::json& request, const std::string& lifetime);

}  // namespace nicsentry
