// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace nicsentry {

// Which rows of the open window a client asks for, in the query of its request: "?by=src&sort=bits&limit=20&...".
struct SessionsQuery {
  static constexpr std::size_t kLimitMost = 1000;

  std::string filter{};            // an expression of pcap-filter(7); empty: all sessions
  std::string by{};                // as `run --by`; empty: a row is a session
  std::string sort = "packets";    // as `run --sort`
  std::optional<bool> descending;  // none: the largest number first, or the first text
  std::size_t offset = 0;          // rows left out
  std::size_t limit = 20;
};

// With "?", or empty.
std::string query_text(const SessionsQuery& query);
// Throws BadRequest for an unknown name, and for a wrong value of `order`, `offset` and `limit`.
SessionsQuery parse_sessions_query(const std::map<std::string, std::string>& query);

// Of "?since=60": only the last so many seconds; none: all that is kept. Throws BadRequest.
std::optional<std::size_t> parse_traffic_query(const std::map<std::string, std::string>& query);

}  // namespace nicsentry
