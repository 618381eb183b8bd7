// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace nicsentry {

// Under which terms a client asks for a change, in the query of its request: "?yes=true&confirm=60s".
struct ChangeQuery {
  bool yes = false;                                 // also if it cuts off what the host depends on
  std::optional<std::chrono::nanoseconds> confirm;  // taken back after this time, unless it is confirmed
};

// With "?", or empty. `confirm` in whole milliseconds.
std::string query_text(const ChangeQuery& query);
// Throws BadRequest for an unknown name and for a wrong value.
ChangeQuery parse_change_query(const std::map<std::string, std::string>& query);

}  // namespace nicsentry
