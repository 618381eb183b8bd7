// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>
#include <string>

namespace nicsentry {

// The value of such an option. Throws Error.
std::chrono::nanoseconds lifetime_option(const std::string& text);

// --for: how long entries of a set last.
void add_lifetime_option(CLI::App& command, std::string& lifetime);

// The option's text with its unit: "60s" for "60".
std::string lifetime_with_unit(const std::string& lifetime);

// The option's value; nothing where it is not given. Throws Error.
std::optional<std::chrono::nanoseconds> chosen_lifetime(const std::string& lifetime);

}  // namespace nicsentry
