// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace nicsentry {

// Under which terms a client asks for a change, in the query of its request: "?yes=true&confirm=60s&from=...".
struct ChangeQuery {
  bool yes = false;                                 // also if it cuts off what the host depends on
  std::optional<std::chrono::nanoseconds> confirm;  // taken back after this time, unless it is confirmed
  // By which connection whoever asks came to the host, as SSH_CONNECTION has it; empty: by none that he knows of. It
  // counts where the run finds none itself.
  std::string from{};
};

// With "?", or empty. `confirm` in whole milliseconds.
std::string query_text(const ChangeQuery& query);
// Throws BadRequest for an unknown name and for a wrong value, but for that of `from`.
ChangeQuery parse_change_query(const std::map<std::string, std::string>& query);

}  // namespace nicsentry
