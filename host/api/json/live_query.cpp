// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/live_query.h"

#include <limits>

#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/base/number_text.h"

namespace nicsentry {
namespace {

constexpr std::size_t kOffsetMost = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kSinceMost = 3600;

std::size_t number_in(const std::string& name, const std::string& value, std::size_t least, std::size_t most) {
  const auto number = parse_number<std::size_t>(value);
  if (!number || *number < least || *number > most) {
    throw BadRequest(name + ": read '" + value + "', allowed is a number from " + std::to_string(least) + " to " +
                     std::to_string(most));
  }
  return *number;
}

}  // namespace

std::string query_text(const SessionsQuery& query) {
  const SessionsQuery usual;
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    text += (text.empty() ? "?" : "&") + std::string(name) + "=" + encoded_segment(value);
  };
  if (!query.filter.empty()) {
    add("filter", query.filter);
  }
  if (!query.by.empty()) {
    add("by", query.by);
  }
  if (query.sort != usual.sort) {
    add("sort", query.sort);
  }
  if (query.descending) {
    add("order", *query.descending ? "desc" : "asc");
  }
  if (query.offset != 0) {
    add("offset", std::to_string(query.offset));
  }
  if (query.limit != usual.limit) {
    add("limit", std::to_string(query.limit));
  }
  return text;
}

SessionsQuery parse_sessions_query(const std::map<std::string, std::string>& query) {
  SessionsQuery parsed;
  for (const auto& [name, value] : query) {
    if (name == "filter") {
      parsed.filter = value;
    } else if (name == "by") {
      parsed.by = value;
    } else if (name == "sort") {
      parsed.sort = value;
    } else if (name == "order") {
      if (value != "asc" && value != "desc") {
        throw BadRequest("order: read '" + value + "', allowed is asc or desc");
      }
      parsed.descending = value == "desc";
    } else if (name == "offset") {
      parsed.offset = number_in(name, value, 0, kOffsetMost);
    } else if (name == "limit") {
      parsed.limit = number_in(name, value, 1, SessionsQuery::kLimitMost);
    } else {
      throw BadRequest("query: '" + name + "' is unknown; allowed is filter, by, sort, order, offset and limit");
    }
  }
  return parsed;
}

std::optional<std::size_t> parse_traffic_query(const std::map<std::string, std::string>& query) {
  std::optional<std::size_t> since;
  for (const auto& [name, value] : query) {
    if (name != "since") {
      throw BadRequest("query: '" + name + "' is unknown; allowed is since");
    }
    since = number_in(name, value, 1, kSinceMost);
  }
  return since;
}

}  // namespace nicsentry
