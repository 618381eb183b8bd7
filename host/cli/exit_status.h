// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry {

// The exit statuses of all commands (docs/nicsentry.8, EXIT STATUS).
constexpr int kExitSuccess = 0;
constexpr int kExitFailure = 1;      // something failed; standard error has the reason
constexpr int kExitUsage = 2;        // the command line is invalid
constexpr int kExitNotCompared = 2;  // `rules diff` cannot tell whether anything differs; `rules import` has no result
// A program of a run was taken off or replaced; or a change is not in force on each program that enforces its chain.
constexpr int kExitNotEnforced = 3;

}  // namespace nicsentry
