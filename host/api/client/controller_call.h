// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace nicsentry {

// What the commands have in common that ask a running controller.
void add_controller_option(CLI::App& command, std::string& interface);

// The answer of the controller that watches `interface`, or of the only one that runs (""). Throws Error.
nlohmann::json call_controller(const std::string& interface, const std::string& path, const nlohmann::json& request);

}  // namespace nicsentry
