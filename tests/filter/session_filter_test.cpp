// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/filter/session_filter.h"

#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/filter/filter_words.h"

namespace nicsentry::session_filter_test {
namespace {

Endpoint endpoint(const std::string& address, std::uint16_t port) {
  Endpoint made;
  made.address.version = address.find(':') == std::string::npos ? 4 : 6;
  REQUIRE(inet_pton(made.address.version == 4 ? AF_INET : AF_INET6, address.c_str(), made.address.bytes.data()) == 1);
  made.port = port;
  return made;
}

SessionWindow session(Protocol protocol, const Endpoint& client, const Endpoint& server, VlanIds vlans = {}) {
  SessionWindow made;
  made.protocol = protocol;
  made.client = client;
  made.server = server;
  made.vlans = vlans;
  return made;
}

// w: web, d: DNS, p: ping, s: web over IPv6, q: ping over IPv6, t: web behind a tag, u: DNS behind two.
std::string matching(const std::string& expression) {
  static const std::vector<std::pair<char, SessionWindow>> sessions = {
      {'w', session(Protocol::tcp, endpoint("10.0.0.1", 40000), endpoint("192.0.2.80", 443))},
      {'d', session(Protocol::udp, endpoint("10.0.0.2", 50000), endpoint("198.51.100.53", 53))},
      {'p', session(Protocol::icmp, endpoint("10.0.0.1", 0), endpoint("198.51.100.53", 0))},
      {'s', session(Protocol::tcp, endpoint("2001:db8::1", 40001), endpoint("2001:db8:1::80", 443))},
      {'q', session(Protocol::icmpv6, endpoint("2001:db8::1", 0), endpoint("2001:db8:1::80", 0))},
      {'t', session(Protocol::tcp, endpoint("10.9.0.1", 40002), endpoint("192.0.2.80", 443), {10, 0})},
      {'u', session(Protocol::udp, endpoint("10.9.0.2", 40003), endpoint("198.51.100.53", 53), {20, 30})},
  };
  const SessionFilter filter(expression);
  std::string names;
  for (const auto& [name, asked] : sessions) {
    if (filter.matches(asked)) names += name;
  }
  return names;
}

std::string refusal(const std::string& expression) {
  try {
    SessionFilter filter(expression);
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("src is a session's client and dst its server") {
  CHECK(matching("host 10.0.0.1") == "wp");
  CHECK(matching("src host 10.0.0.1") == "wp");
  CHECK(matching("dst host 10.0.0.1").empty());
  CHECK(matching("dst port 443") == "wst");
  CHECK(matching("src port 443").empty());
  CHECK(matching("src portrange 40001-40002") == "st");
  CHECK(matching("src net 10.0.0.0/8 and dst 198.51.100.53") == "dpu");
}

TEST_CASE("a filter has the grammar of packets' filters") {
  CHECK(matching("port 53") == "du");
  CHECK(matching("tcp port 53").empty());
  CHECK(matching("host 10.0.0.1 or 10.0.0.2") == "wdp");
  CHECK(matching("net 10") == "wdptu");
  CHECK(matching("net 10.0.0.0 mask 255.255.0.0") == "wdp");
  CHECK(matching("not (udp or icmp)") == "wsqt");
  CHECK(matching("!(udp||icmp)&&ip") == "wt");
  CHECK(matching("ip6") == "sq");
  CHECK(matching("icmp6") == "q");
  CHECK(matching("proto 17") == "du");
  CHECK(matching("src 2001:db8::1 and dst net 2001:db8:1::/48") == "sq");
}

TEST_CASE("a session behind tags matches as one without, unless a filter asks for tags") {
  CHECK(matching("host 192.0.2.80") == "wt");
  CHECK(matching("vlan") == "tu");
  CHECK(matching("vlan 10") == "t");
  CHECK(matching("vlan 20 and vlan 30 and port 53") == "u");
  CHECK(matching("vlan and host 192.0.2.80") == "t");
  CHECK(matching("not vlan") == "wdpsq");
}

TEST_CASE("a filter that asks for a name, or for what sessions do not have, is refused by that word") {
  CHECK(refusal("host example.org") ==
        "filter 'host example.org': 'example.org': neither a word of filters nor a number or an address; names are not "
        "looked up");
  CHECK(refusal("port http").find("'http': neither") != std::string::npos);
  CHECK(refusal("hsot 10.0.0.1").find("'hsot'") != std::string::npos);
  CHECK(refusal("hsot 10.0.0.1").find("did you mean 'host'?") != std::string::npos);
  CHECK(refusal("host face").find("'face': neither") != std::string::npos);
  CHECK(refusal("greater 100") == "filter 'greater 100': 'greater': a session does not have a length");
  CHECK(refusal("ether host 00:11:22:33:44:55").find("'ether': a session does not have") != std::string::npos);
  CHECK(refusal("tcp[13] & 2 != 0").find("'tcp[13]': a session has no bytes to compare") != std::string::npos);
  CHECK(refusal("  ").find("it asks for nothing") != std::string::npos);
  CHECK(refusal("proto \\tcp").find("'\\tcp': neither") != std::string::npos);
}

TEST_CASE("what libpcap does not understand is refused in its words") {
  CHECK(refusal("host").find("filter 'host': ") == 0);
  CHECK(refusal("port 70000").find("filter 'port 70000': ") == 0);
  CHECK(refusal("host 10.0.0.300").find("filter 'host 10.0.0.300': ") == 0);
  CHECK(refusal("(port 53").find("filter '(port 53': ") == 0);
}

TEST_CASE("what looks like a number is not looked up as a name either") {
  for (const char* expression : {"host 1.2.3.4.5", "net 1.2.3.4.5", "host 80-90", "net 80-90", "port 80-90", "src 1-2",
                                 "portrange 50-60 or src 1-2", "host 10.0.0.1 or (portrange 1-2) or 3-4"}) {
    INFO(expression);
    CHECK(refusal(expression).find("names are not looked up") != std::string::npos);
  }
  CHECK(matching("portrange 50-60") == "du");
}

TEST_CASE("ranges of ports follow each other behind one portrange, also in brackets") {
  CHECK(matching("portrange 50-60 or 70-80") == "du");
  CHECK(matching("portrange 1-2 or not 50-60") == "wpsqt");
  CHECK(matching("src portrange (1-2 or 40001-40002)") == "st");
  CHECK(matching("portrange 1-2 or (udp and port 80) or 50-60") == "du");
}

// libpcap would take minutes for the longer ones, and its parser has no room for the deep ones.
TEST_CASE("a long or deep filter is compiled or refused, and keeps nobody waiting") {
  const auto ports = [](unsigned number) {
    std::string text = "portrange 53-53";
    for (unsigned i = 1; i < number; ++i) {
      const std::string low = std::to_string(1000 + 3 * i);
      text += " or portrange ";
      text += low;
      text += "-";
      text += std::to_string(1001 + 3 * i);
    }
    return text;
  };
  CHECK(matching(ports(kFilterValuesMost)) == "du");
  CHECK(refusal(ports(kFilterValuesMost + 1)) ==
        "the filter has 201 addresses, numbers and protocols; allowed are 200");
  CHECK(refusal(ports(5000)).find("allowed are 200") != std::string::npos);
  std::string protocols = "tcp";
  for (int i = 0; i < 5000; ++i) {
    protocols += " or tcp";
  }
  CHECK(refusal(protocols).find("allowed are 200") != std::string::npos);
  CHECK(matching(std::string(1000, '(') + "port 53" + std::string(1000, ')')) == "du");
  CHECK(refusal(std::string(50'000, '(') + "port 53" + std::string(50'000, ')')).find("memory exhausted") !=
        std::string::npos);
  CHECK(refusal("host 18446744073709551616").find("overflows") != std::string::npos);
}

}  // namespace nicsentry::session_filter_test
