// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace nicsentry {

// Each adds one command to the command line; when it is given, `chosen` becomes what performs it and returns the exit
// status (docs/nicsentry.8). Errors are thrown.
using Action = std::function<int()>;
void add_run_command(CLI::App& app, Action& chosen);
void add_replay_command(CLI::App& app, Action& chosen);
void add_attach_commands(CLI::App& app, Action& chosen);
void add_status_command(CLI::App& app, Action& chosen);
void add_extract_command(CLI::App& app, Action& chosen);
void add_doctor_command(CLI::App& app, Action& chosen);
void add_rules_commands(CLI::App& app, Action& chosen);
void add_sets_commands(CLI::App& app, Action& chosen);
void add_block_commands(CLI::App& app, Action& chosen);
void add_connections_command(CLI::App& app, Action& chosen);

constexpr int kExitSuccess = 0;
constexpr int kExitFailure = 1;  // something failed; stderr says what
constexpr int kExitUsage = 2;    // the command line was not understood

}  // namespace nicsentry
