// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/api/json/change_query.h"
#include "host/api/json/enforced_json.h"

namespace nicsentry {

// Options that commands which change rules or sets share: --yes and --confirm.
struct ChangeOptions {
  bool yes = false;
  std::string confirm;  // a lifetime; empty: the change stays
  bool json = false;
};
void add_change_options(CLI::App& command, ChangeOptions& options);
// --json
void add_change_json(CLI::App& command, ChangeOptions& options);

// Throws Error.
ChangeQuery change_query(const ChangeOptions& options);

// Tells of a change that was made: by `text`, how long it may wait to be confirmed, and where it is in force; or, with
// --json, the run's answer as an object. Returns the command's exit status.
int report_change(const ChangeOptions& options, nlohmann::ordered_json answer, const Enforced& enforced,
                  const std::vector<Chain>& chains, const std::function<void()>& text);

}  // namespace nicsentry
