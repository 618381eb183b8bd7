// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/session_groups.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.h"

namespace nicsentry::session_groups_test {
namespace {

IpAddress address(std::initializer_list<std::uint8_t> first_bytes, std::uint8_t version) {
  IpAddress made;
  made.version = version;
  std::copy(first_bytes.begin(), first_bytes.end(), made.bytes.begin());
  return made;
}

SessionWindow session(const IpAddress& client, const IpAddress& server, std::uint16_t port, Protocol protocol,
                      std::uint64_t packets) {
  SessionWindow made;
  made.client = {client, 40000};
  made.server = {server, port};
  made.protocol = protocol;
  made.packets_client = packets;
  made.packets_server = 1;
  made.bytes_client = 100 * packets;
  made.bytes_server = 60;
  return made;
}

const IpAddress kHost = address({10, 1, 2, 3}, 4);
const IpAddress kNeighbour = address({10, 1, 2, 200}, 4);
const IpAddress kServer = address({192, 0, 2, 80}, 4);
const IpAddress kHost6 = address({0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0xff}, 6);
const IpAddress kNeighbour6 = address({0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0xfe}, 6);

// "name sessions packets" of each group.
std::vector<std::string> groups(const std::string& by) {
  const std::vector<SessionWindow> sessions = {
      session(kHost, kServer, 443, Protocol::tcp, 5), session(kHost, kServer, 53, Protocol::udp, 1),
      session(kNeighbour, kServer, 53, Protocol::tcp, 2), session(kHost6, kNeighbour6, 443, Protocol::tcp, 20),
      session(kNeighbour6, kHost6, 0, Protocol::icmpv6, 1)};
  std::vector<std::string> texts;
  for (const SessionGroup& group : group_sessions(sessions, parse_grouping(by))) {
    texts.push_back(group.name + " " + std::to_string(group.sessions) + " " + std::to_string(group.packets()));
  }
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("sessions are summed up by source, destination, server port or protocol") {
  CHECK(groups("src") ==
        Texts{"2001:db8:1:2:ff00:: 1 21", "10.1.2.3 2 8", "10.1.2.200 1 3", "2001:db8:1:2:fe00:: 1 2"});
  CHECK(groups("dst") == Texts{"2001:db8:1:2:fe00:: 1 21", "192.0.2.80 3 11", "2001:db8:1:2:ff00:: 1 2"});
  CHECK(groups("dport") == Texts{"TCP 443 2 27", "TCP 53 1 3", "UDP 53 1 2", "ICMPv6 1 2"});
  CHECK(groups("proto") == Texts{"TCP 3 30", "UDP 1 2", "ICMPv6 1 2"});
}

TEST_CASE("addresses are summed up by prefixes of either family") {
  CHECK(groups("src/24") == Texts{"2001:db8:1:2:ff00:: 1 21", "10.1.2.0/24 3 11", "2001:db8:1:2:fe00:: 1 2"});
  CHECK(groups("src/25/64") == Texts{"2001:db8:1:2::/64 2 23", "10.1.2.0/25 2 8", "10.1.2.128/25 1 3"});
  CHECK(groups("src/0/0") == Texts{"::/0 2 23", "0.0.0.0/0 3 11"});
  CHECK(groups("dst/32/128").front() == "2001:db8:1:2:fe00:: 1 21");
}

TEST_CASE("what is no grouping is refused") {
  for (const char* text :
       {"", "source", "src/", "src/33", "src/24/129", "src/24/64/1", "dport/24", "proto/1", "src/-1"}) {
    CHECK_THROWS_AS(parse_grouping(text), BadRequest);
  }
  CHECK_THROWS_WITH(parse_grouping("sport"), Catch::Matchers::StartsWith("read 'sport', allowed are src, dst, "));
}

TEST_CASE("a grouping has a name for one and for several") {
  CHECK(grouping_name(parse_grouping("dport"), 1) == "server port");
  CHECK(grouping_name(parse_grouping("src/24"), 9367) == "sources");
}

}  // namespace nicsentry::session_groups_test
