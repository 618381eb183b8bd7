// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "host/cli/exit_status.h"

namespace nicsentry {

// Each adds one command to the command line; when it is given, `chosen` becomes what performs it and returns the exit
// status (exit_status.h). Errors are thrown.
using Action = std::function<int()>;
void add_run_command(CLI::App& app, Action& chosen);
void add_config_commands(CLI::App& app, Action& chosen);
void add_serve_command(CLI::App& app, Action& chosen);
void add_replay_command(CLI::App& app, Action& chosen);
void add_attach_commands(CLI::App& app, Action& chosen);
void add_up_commands(CLI::App& app, Action& chosen);
void add_status_command(CLI::App& app, Action& chosen);
void add_extract_command(CLI::App& app, Action& chosen);
void add_doctor_command(CLI::App& app, Action& chosen);
void add_rules_commands(CLI::App& app, Action& chosen);
void add_sets_commands(CLI::App& app, Action& chosen);
void add_block_commands(CLI::App& app, Action& chosen);
void add_sessions_command(CLI::App& app, Action& chosen);
void add_watch_command(CLI::App& app, Action& chosen);
void add_connections_command(CLI::App& app, Action& chosen);
void add_programs_commands(CLI::App& app, Action& chosen);
void add_help_command(CLI::App& app, Action& chosen);
void add_complete_command(CLI::App& app, Action& chosen);

}  // namespace nicsentry
