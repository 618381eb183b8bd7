// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "host/datapath/mode.h"

namespace nicsentry {

// Options that several commands have, which put a program on a port, take it off, or run there.
void add_mode_option(CLI::App& command, std::string& mode);
void add_only_mode_option(CLI::App& command, std::string& mode);
void add_direction_option(CLI::App& command, std::string& direction);
void add_profile_option(CLI::App& command, std::string& profile);
void add_log_format_option(CLI::App& command, std::string& format);
void add_dispatcher_option(CLI::App& command, bool& dispatcher);

// "auto": no mode is asked for. Throws Error on a word that is no mode.
std::optional<Mode> chosen_mode(const std::string& mode);

}  // namespace nicsentry
