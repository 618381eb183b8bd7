// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/sessions.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/export/files/service_names.h"
#include "host/filter/session_filter.h"
#include "host/report/table_order.h"
#include "host/report/traffic.h"

namespace nicsentry {
namespace {

using Indexes = std::vector<std::size_t>;

// Reads a part of a query. What is wrong with it is said of that part.
template <typename Read>
auto of_query(const char* name, Read read) {
  try {
    return read();
  } catch (const BadRequest& error) {
    throw BadRequest(std::string(name) + ": " + error.what());
  }
}

// The order that a query asks for. Rates are of the last seconds: their order is not that of the counts.
class RowOrder {
 public:
  explicit RowOrder(const SessionsQuery& query)
      : order_(of_query("sort", [&query] { return parse_table_order(query.sort, !query.by.empty()); })),
        by_packet_rate_(query.sort == "rate"),
        by_bit_rate_(query.sort == "bits") {
    const bool texts = order_ == TableOrder::client || order_ == TableOrder::server || order_ == TableOrder::protocol ||
                       order_ == TableOrder::name;
    reversed_ = query.descending && *query.descending == texts;
  }

  template <typename Row>
  bool operator()(const Row& left, const LiveRate& left_rate, const Row& right, const LiveRate& right_rate) const {
    return reversed_ ? before(right, right_rate, left, left_rate) : before(left, left_rate, right, right_rate);
  }

 private:
  template <typename Row>
  bool before(const Row& left, const LiveRate& left_rate, const Row& right, const LiveRate& right_rate) const {
    const double left_key = key_of(left_rate);
    const double right_key = key_of(right_rate);
    return left_key != right_key ? left_key > right_key : stands_before(left, right, order_);
  }
  double key_of(const LiveRate& rate) const {
    return by_packet_rate_ ? rate.packets_per_second : by_bit_rate_ ? rate.bits_per_second : 0;
  }

  TableOrder order_;
  bool by_packet_rate_;
  bool by_bit_rate_;
  bool reversed_ = false;
};

// Indexes of the rows of a page, in order.
template <typename Row>
Indexes page_of(const std::vector<const Row*>& rows, const std::vector<LiveRate>& rates, const SessionsQuery& query,
                const RowOrder& order) {
  Indexes indexes(rows.size());
  std::iota(indexes.begin(), indexes.end(), 0);
  const std::size_t begin = std::min(query.offset, rows.size());
  const std::size_t end = std::min(begin + query.limit, rows.size());
  std::partial_sort(
      indexes.begin(), indexes.begin() + static_cast<std::ptrdiff_t>(end), indexes.end(),
      [&](std::size_t left, std::size_t right) { return order(*rows[left], rates[left], *rows[right], rates[right]); });
  return {indexes.begin() + static_cast<std::ptrdiff_t>(begin), indexes.begin() + static_cast<std::ptrdiff_t>(end)};
}

void add_to_sums(SessionsAnswer::Sums& sums, const SessionWindow& session, const LiveRate& rate) {
  sums.sessions += 1;
  sums.packets += session.packets_server + session.packets_client;
  sums.bytes += session.bytes_server + session.bytes_client;
  sums.rate.add(rate);
}

bool is_of_port(Protocol protocol) { return protocol == Protocol::tcp || protocol == Protocol::udp; }

void list_sessions(SessionsAnswer& answer, const LiveSessions& live, const std::vector<const SessionWindow*>& sessions,
                   const std::vector<LiveRate>& rates, const SessionsQuery& query, const ServiceOf& service_of) {
  answer.total = sessions.size();
  for (const std::size_t index : page_of(sessions, rates, query, RowOrder(query))) {
    const SessionWindow& session = *sessions[index];
    answer.sessions.push_back({session, rates[index], interfaces_text(live.window.attachments, session.places),
                               is_of_port(session.protocol) ? service_of(session.protocol, session.server.port) : ""});
  }
}

void list_groups(SessionsAnswer& answer, const LiveSessions& live, const std::vector<const SessionWindow*>& sessions,
                 const std::vector<LiveRate>& rates, const SessionsQuery& query, const ServiceOf& service_of) {
  const Grouping grouping = of_query("by", [&query] { return parse_grouping(query.by); });
  const RowOrder order(query);
  std::vector<SessionWindow> members;
  members.reserve(sessions.size());
  for (const SessionWindow* session : sessions) {
    members.push_back(*session);
  }
  std::vector<std::size_t> places;
  const std::vector<SessionGroup> groups = group_sessions(members, grouping, &places);
  std::vector<LiveRate> by_place(groups.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    by_place[places[i]].add(rates[i]);
  }
  std::vector<const SessionGroup*> rows;
  std::vector<LiveRate> row_rates;
  for (const SessionGroup& group : groups) {
    rows.push_back(&group);
    row_rates.push_back(by_place[group.place]);
  }
  answer.by = query.by;
  answer.total = rows.size();
  const bool by_port = grouping.key == Grouping::Key::destination_port;
  for (const std::size_t index : page_of(rows, row_rates, query, order)) {
    const SessionGroup& group = *rows[index];
    answer.groups.push_back({group, row_rates[index], interfaces_text(live.window.attachments, group.places),
                             by_port && is_of_port(group.protocol) ? service_of(group.protocol, group.port) : ""});
  }
}

// Of several threads.
class SharedServiceNames {
 public:
  std::string of(Protocol protocol, std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    const std::string& name = names_.of(protocol, port);
    return name == std::to_string(port) ? "" : name;
  }

 private:
  std::mutex mutex_;
  ServiceNames names_;
};

}  // namespace

SessionsAnswer describe_sessions(const LiveSessions& live, const SessionsQuery& query, const ServiceOf& service_of) {
  SessionsAnswer answer;
  answer.window = live.window.number;
  answer.time_ns = live.window.end_ns;
  answer.start_ns = live.window.start_ns;
  answer.offset = query.offset;
  answer.limit = query.limit;
  for (const Accounting& attachment : live.window.attachments) {
    answer.attachments.push_back({attachment.interface, attachment.hook, attachment.mode});
  }
  const auto filter = query.filter.empty()
                          ? std::optional<SessionFilter>()
                          : of_query("filter", [&query] { return std::optional(SessionFilter(query.filter)); });
  std::vector<const SessionWindow*> sessions;
  std::vector<LiveRate> rates;
  for (std::size_t i = 0; i < live.window.sessions.size(); ++i) {
    const SessionWindow& session = live.window.sessions[i];
    if (!filter || filter->matches(session)) {
      sessions.push_back(&session);
      rates.push_back(live.rates[i]);
      add_to_sums(answer.sums, session, live.rates[i]);
    }
  }
  const auto list = query.by.empty() ? list_sessions : list_groups;
  list(answer, live, sessions, rates, query, service_of);
  return answer;
}

void add_sessions_routes(Router& router, TakeSessions take) {
  const auto names = std::make_shared<SharedServiceNames>();
  router.add("GET", resource::kSessions, Lane::slow, [take = std::move(take), names](const Request& request) {
    const SessionsQuery query = parse_sessions_query(request.query);
    describe_sessions({}, query, {});  // a wrong query is refused before the run is asked
    return encode(describe_sessions(
        *take(), query, [&names](Protocol protocol, std::uint16_t port) { return names->of(protocol, port); }));
  });
}

}  // namespace nicsentry
