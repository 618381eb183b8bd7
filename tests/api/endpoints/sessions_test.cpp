// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/sessions.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/api/endpoints/traffic.h"
#include "host/base/error.h"

namespace nicsentry::sessions_endpoint_test {

namespace {

SessionWindow session(std::uint64_t id, std::uint8_t client, std::uint16_t server_port, std::uint64_t packets) {
  SessionWindow row;
  row.id = id;
  row.client.address.bytes = {10, 0, 0, client};
  row.client.port = 40000;
  row.server.address.bytes = {192, 0, 2, 1};
  row.server.port = server_port;
  row.protocol = server_port == 53 ? Protocol::udp : Protocol::tcp;
  row.packets_client = packets;
  row.bytes_client = 100 * packets;
  row.packets_server = 1;
  row.bytes_server = 1500;
  row.places = 1;
  row.dropped = id == 2;
  return row;
}

// 4 sessions; the one with the fewest packets is the fastest now.
LiveSessions some_sessions() {
  LiveSessions live;
  live.window.number = 7;
  live.window.start_ns = 1'000;
  live.window.end_ns = 5'000;
  live.window.sessions = {session(0, 1, 443, 9), session(1, 1, 53, 7), session(2, 2, 443, 5), session(3, 3, 80, 1)};
  live.rates = {{1, 800}, {2, 8}, {0, 0}, {9, 72}};
  Accounting attachment;
  attachment.interface = "eth0";
  attachment.hook = "xdp";
  attachment.place = 1;
  live.window.attachments = {attachment};
  return live;
}

SessionsAnswer ask(const std::map<std::string, std::string>& query) {
  return describe_sessions(some_sessions(), parse_sessions_query(query), [](Protocol, std::uint16_t port) {
    return port == 443 ? std::string("https") : std::string();
  });
}

std::vector<std::uint64_t> ids(const std::map<std::string, std::string>& query) {
  std::vector<std::uint64_t> listed;
  for (const ListedSession& row : ask(query).sessions) {
    listed.push_back(row.session.id);
  }
  return listed;
}

using Ids = std::vector<std::uint64_t>;

std::string refused(const std::map<std::string, std::string>& query) {
  try {
    ask(query);
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("sessions: rows in the order that was asked for, page after page") {
  CHECK(ids({}) == Ids{0, 1, 2, 3});
  CHECK(ids({{"order", "desc"}}) == Ids{0, 1, 2, 3});
  CHECK(ids({{"order", "asc"}}) == Ids{3, 2, 1, 0});
  CHECK(ids({{"sort", "rate"}}) == Ids{3, 1, 0, 2});
  CHECK(ids({{"sort", "bits"}}) == Ids{0, 3, 1, 2});
  CHECK(ids({{"sort", "client"}}) == Ids{0, 1, 2, 3});
  CHECK(ids({{"sort", "client"}, {"order", "desc"}}) == Ids{3, 2, 1, 0});
  CHECK(ids({{"sort", "dropped"}, {"limit", "1"}}) == Ids{2});
  CHECK(ids({{"offset", "1"}, {"limit", "2"}}) == Ids{1, 2});
  CHECK(ids({{"offset", "9"}}).empty());
  CHECK(ids({{"filter", "src 10.0.0.1"}}) == Ids{0, 1});
}

TEST_CASE("sessions: sums are of all rows before paging, services are named") {
  const SessionsAnswer answer = ask({{"filter", "tcp"}, {"limit", "1"}});
  CHECK(answer.total == 3);
  CHECK(answer.sums.sessions == 3);
  CHECK(answer.sums.packets == 18);
  CHECK(answer.sums.rate.packets_per_second == Approx(10));
  REQUIRE(answer.sessions.size() == 1);
  CHECK(answer.sessions[0].service == "https");
  CHECK(answer.sessions[0].interfaces == "eth0");
  const SessionsAnswer read = decode<SessionsAnswer>(nlohmann::json(encode(answer)));
  CHECK(encode(read) == encode(answer));
}

TEST_CASE("sessions: groups have the sums of their sessions, rates too") {
  const SessionsAnswer answer = ask({{"by", "src"}, {"sort", "rate"}});
  REQUIRE(answer.groups.size() == 3);
  CHECK(answer.groups[0].group.name == "10.0.0.3");
  CHECK(answer.groups[1].group.name == "10.0.0.1");
  CHECK(answer.groups[1].group.sessions == 2);
  CHECK(answer.groups[1].group.packets_client == 16);
  CHECK(answer.groups[1].rate.packets_per_second == Approx(3));
  CHECK(answer.groups[2].group.sessions_dropped == 1);
  CHECK(ask({{"by", "dport"}}).groups.at(0).service == "https");
  const SessionsAnswer read = decode<SessionsAnswer>(nlohmann::json(encode(answer)));
  CHECK(encode(read) == encode(answer));
}

TEST_CASE("sessions: a wrong query is refused with what it was and what is allowed") {
  CHECK(refused({{"filter", "tcp port"}}).starts_with("filter: "));
  CHECK(refused({{"by", "some"}}).starts_with("by: read 'some', allowed are src, dst"));
  CHECK(refused({{"sort", "name"}}).starts_with("sort: read 'name', allowed without --by are packets"));
  CHECK(refused({{"order", "up"}}) == "order: read 'up', allowed is asc or desc");
  CHECK(refused({{"limit", "1001"}}) == "limit: read '1001', allowed is a number from 1 to 1000");
  CHECK(refused({{"offset", "-1"}}).starts_with("offset: read '-1'"));
  CHECK(refused({{"since", "1"}}).starts_with("query: 'since' is unknown; allowed is filter"));
  CHECK_THROWS_AS(parse_traffic_query({{"since", "3601"}}), BadRequest);
  CHECK_THROWS_AS(parse_traffic_query({{"until", "1"}}), BadRequest);
}

TEST_CASE("sessions: a query is the same behind its text") {
  SessionsQuery query{"port 53 or port 80", "src/24", "bits", false, 20, 10};
  CHECK(query_text(query) == "?filter=port%2053%20or%20port%2080&by=src%2F24&sort=bits&order=asc&offset=20&limit=10");
  CHECK(query_text(SessionsQuery()).empty());
}

TEST_CASE("traffic: sums by protocol, and samples as lists of numbers") {
  const auto sums = protocol_sums(some_sessions());
  REQUIRE(sums.size() == 2);
  CHECK(sums[0].protocol == "TCP");
  CHECK(sums[0].packets == 18);
  CHECK(sums[1].rate.packets_per_second == Approx(2));
  TrafficAnswer answer;
  answer.time_ns = 1'500'000'000;
  answer.protocols = sums;
  answer.attachments = {{"eth0", "tc-egress", "tc", {{1'250'000'000, {1, 2}, {3, 4}, 5, 6, 7}}}};
  const auto json = encode(answer);
  CHECK(json["attachments"][0]["samples"][0].dump() == "[1.25,1,2,3,4,5,6,7]");
  CHECK(json["attachments"][0]["direction"] == "egress");
  CHECK(encode(decode<TrafficAnswer>(nlohmann::json(json))) == json);
}

}  // namespace nicsentry::sessions_endpoint_test
