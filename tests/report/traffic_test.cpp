// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/traffic.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/report/table_order.h"

namespace nicsentry::traffic_test {
namespace {

IpAddress host(std::uint8_t last) {
  IpAddress address;
  address.bytes = {10, 0, 0, last};
  return address;
}

SessionWindow session(std::uint8_t client, std::uint8_t server, std::uint16_t port, std::uint64_t packets) {
  SessionWindow made;
  made.id = client;
  made.client = {host(client), 40000};
  made.server = {host(server), port};
  made.packets_client = packets;
  made.packets_server = 1;
  made.bytes_client = 100 * packets;
  made.bytes_server = 60;
  made.out = {1, 60};
  made.places = std::uint64_t{1} << (client % 2U);
  return made;
}

std::vector<const SessionWindow*> all_of(const std::vector<SessionWindow>& sessions) {
  std::vector<const SessionWindow*> pointers;
  pointers.reserve(sessions.size());
  for (const SessionWindow& one : sessions) {
    pointers.push_back(&one);
  }
  return pointers;
}

}  // namespace

TEST_CASE("a host has what it sent and received as a client and as a server") {
  std::vector<SessionWindow> sessions = {session(1, 9, 80, 10), session(2, 9, 80, 3), session(9, 1, 22, 5)};
  sessions[1].dropped = true;
  const auto hosts = host_traffic(all_of(sessions), 0);
  REQUIRE(hosts.size() == 3);
  CHECK(hosts[0].address == host(9));
  CHECK(hosts[0].sessions_as_client == 1);
  CHECK(hosts[0].sessions_as_server == 2);
  CHECK(hosts[0].sent.packets == 5 + 1 + 1);
  CHECK(hosts[0].received.packets == 10 + 3 + 1);
  CHECK(hosts[0].received.bytes == 1000 + 300 + 60);
  CHECK(hosts[0].out.packets == 3);
  CHECK(hosts[0].sessions_dropped == 1);
  CHECK(hosts[0].places == 3);
  CHECK(hosts[1].address == host(1));
  CHECK(hosts[1].places == 2);
  CHECK(hosts[2].address == host(2));
}

TEST_CASE("a session from an address to itself is counted once") {
  const std::vector<SessionWindow> sessions = {session(7, 7, 80, 10)};
  const auto hosts = host_traffic(all_of(sessions), 0);
  REQUIRE(hosts.size() == 1);
  CHECK(hosts[0].packets() == 11);
  CHECK(hosts[0].out.packets == 1);
  CHECK(hosts[0].sessions_as_client + hosts[0].sessions_as_server == 2);
}

TEST_CASE("rows beyond the bound are one row, and nothing is missing from the sums") {
  std::vector<SessionWindow> sessions;
  for (std::uint8_t client = 1; client <= 200; ++client) {
    sessions.push_back(session(client, 0, client, client));
  }
  const auto all = host_traffic(all_of(sessions), 0);
  CHECK(all.size() == 201);
  const auto hosts = host_traffic(all_of(sessions), 4);
  REQUIRE(hosts.size() == 5);
  CHECK(hosts[1].address == host(200));
  CHECK(hosts[4].hosts == 197);
  std::uint64_t packets = 0;
  for (const HostSums& row : hosts) {
    packets += row.packets();
  }
  CHECK(packets == 2 * (200 * 201 / 2 + 200));
  const auto ports = port_traffic(all_of(sessions), 4);
  REQUIRE(ports.size() == 5);
  CHECK(ports[0].port == 200);
  CHECK(ports[4].ports == 196);
  CHECK(ports[4].sessions == 196);
  CHECK(port_traffic(all_of(sessions), 200).size() == 200);
}

TEST_CASE("interfaces of several attachments are named once, in the order of the attachments") {
  std::vector<Accounting> attachments(3);
  attachments[0].interface = attachments[2].interface = "eth0";
  attachments[1].interface = "eth1";
  for (std::size_t index = 0; index < attachments.size(); ++index) {
    attachments[index].place = std::uint64_t{1} << index;
  }
  CHECK(interfaces_text(attachments, 7) == "eth0+eth1");
  CHECK(interfaces_text(attachments, 6) == "eth1+eth0");
  CHECK(interfaces_text(attachments, 4) == "eth0");
  CHECK(interfaces_text(attachments, 8).empty());
  attachments[0].mode = "replay";
  CHECK(interfaces_text(attachments, 1).empty());
}

TEST_CASE("a rate is that of the window; one without length has none") {
  WindowReport window;
  window.start_ns = 5;
  window.end_ns = 500'000'005;
  CHECK(per_second(21, window) == 42);
  window.end_ns = 5;
  CHECK(per_second(21, window) == 0);
}

TEST_CASE("what is no column of the table is refused, with those that it has") {
  CHECK(parse_table_order("rate", true) == TableOrder::packets);
  CHECK(parse_table_order("bits", false) == TableOrder::bytes);
  CHECK_THROWS_WITH(parse_table_order("sessions", false), Catch::StartsWith("read 'sessions', allowed without --by are "
                                                                            "packets, rate, bytes, bits, to-server"));
  CHECK_THROWS_WITH(parse_table_order("client", true), Catch::EndsWith("in, out, dropped, sessions, name"));
  CHECK_THROWS_AS(parse_table_order("", false), BadRequest);
}

TEST_CASE("of equal rows the one with more packets stands first, then the older one") {
  SessionWindow first = session(1, 9, 80, 5);
  SessionWindow second = session(2, 9, 80, 6);
  CHECK(stands_before(second, first, TableOrder::server));
  CHECK_FALSE(stands_before(first, second, TableOrder::server));
  CHECK(stands_before(first, second, TableOrder::client));
  second.packets_client = 5;
  CHECK(stands_before(first, second, TableOrder::server));
  second.out.packets = 4;
  CHECK(stands_before(second, first, TableOrder::out));
  CHECK(stands_before(first, second, TableOrder::in));
  second.dropped = true;
  CHECK(stands_before(second, first, TableOrder::dropped));
  second.last_packet_ns = 1;
  CHECK(stands_before(second, first, TableOrder::duration));
  second.bytes_server = 0;
  second.bytes_client = 10'000;
  CHECK(stands_before(second, first, TableOrder::bytes));
  CHECK(stands_before(second, first, TableOrder::bytes_to_server));
  CHECK(stands_before(first, second, TableOrder::bytes_to_client));
}

}  // namespace nicsentry::traffic_test
