// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "host/api/json/live_json.h"
#include "host/api/json/live_query.h"

namespace nicsentry {

// The options of commands that show what the open window has so far.
struct LiveOptions {
  std::string interface;  // of the controller to ask
  SessionsQuery query;
  bool json = false;
};

// -i, --filter, --by, --sort and --limit. Call check_live_options() once all are read.
void add_live_options(CLI::App& command, LiveOptions& options);
// Throws CLI::ValidationError for an order that the rows do not have.
void check_live_options(const LiveOptions& options);

// The rows as `run` has them in its table, without their title.
std::vector<std::string> live_table(const SessionsAnswer& answer, const SessionsQuery& query, unsigned width);

}  // namespace nicsentry
