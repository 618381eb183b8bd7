// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry {

// The exit statuses of all commands (docs/nicsentry.8, EXIT STATUS).
constexpr int kExitSuccess = 0;
constexpr int kExitFailure = 1;  // something failed; standard error has the reason
constexpr int kExitUsage = 2;    // the command line is invalid

}  // namespace nicsentry
