// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "host/api/json/change_query.h"

namespace nicsentry {

// What commands that change rules or sets have in common: --yes and --confirm.
struct ChangeOptions {
  bool yes = false;
  std::string confirm;  // a lifetime; empty: the change stays
};
void add_change_options(CLI::App& command, ChangeOptions& options);

// Throws Error.
ChangeQuery change_query(const ChangeOptions& options);

// Prints how long a change that was made may wait to be confirmed, and how; nothing without --confirm.
void report_unconfirmed(const ChangeOptions& options);

}  // namespace nicsentry
