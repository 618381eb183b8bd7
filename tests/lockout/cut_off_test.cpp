// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/cut_off.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry::cut_off_test {
namespace {

using nlohmann::json;
using Lines = std::vector<std::string>;

IpAddress address(const std::string& text) { return parse_address_range(text).first; }

TcpSocket accepted(const std::string& local, std::uint16_t local_port, const std::string& remote,
                   std::uint16_t remote_port) {
  return {{address(local), local_port}, {address(remote), remote_port}, true, 0};
}

// A host with both families on eth0, and its administrator at 198.51.100.9.
HostTraffic host() {
  HostTraffic host;
  host.networks = {{"eth0",
                    {address("192.0.2.10"), address("fe80::10"), address("2001:db8::10")},
                    {address("192.0.2.1"), address("fe80::1")},
                    {}}};
  host.resolvers = {{address("192.0.2.53"), address("192.0.2.10")}};
  host.caller = {accepted("192.0.2.10", 22, "198.51.100.9", 50000)};
  host.standing = host.caller;
  host.standing.push_back(accepted("192.0.2.10", 443, "203.0.113.7", 40000));
  host.egress_seen = true;
  return host;
}

// The state before and after a change of the ingress chain, and of sets.
struct Change {
  ChainRules before;
  ChainRules after;
  ChainRules egress;
  std::set<std::string> blocked;  // after
  std::string set_member;         // of every other set, before and after

  Lines over(const HostTraffic& traffic) const {
    const auto situation = [this](const ChainRules& ingress, bool with_blocked) {
      return Situation{{&ingress, &egress}, [this, with_blocked](const std::string& set, const IpAddress& asked) {
                         return set == kBlockedSet ? with_blocked && blocked.contains(asked.text())
                                                   : asked.text() == set_member;
                       }};
    };
    return cut_off(vital_packets(traffic), situation(before, false), situation(after, true));
  }
};

ChainRules chain(const std::vector<json>& rules, RuleAction otherwise = RuleAction::accept) {
  std::vector<json> operations;
  for (json rule : rules) {
    rule["operation"] = "append";
    operations.push_back(rule);
  }
  ChainRules made = apply_batch({}, parse_batch({{"rules", operations}}, 0), {"office"});
  made.default_action = otherwise;
  return made;
}

Lines over(const HostTraffic& traffic, const std::vector<json>& rules, RuleAction otherwise = RuleAction::accept) {
  Change change;
  change.after = chain(rules, otherwise);
  return change.over(traffic);
}

const json kAcceptIcmpv6 = {{"l4proto", "ICMPv6"}, {"action", "accept"}};
const json kAcceptSsh = {{"l4proto", "TCP"}, {"dport", 22}, {"action", "accept"}};
const std::string kNeighbours =
    "IPv6 neighbour discovery on eth0: accept it by {\"l4proto\": \"ICMPv6\", \"action\": \"accept\"} (the default of "
    "ingress)";
const std::string kLogin =
    "new connections from 198.51.100.9 to 192.0.2.10:22, as yours came in (the default of ingress)";

TEST_CASE("an entry of `blocked` that covers what is vital is named, any other is not") {
  Change change;
  change.blocked = {"203.0.113.7", "192.0.2.11"};
  CHECK(change.over(host()).empty());
  change.blocked = {"192.0.2.1"};
  CHECK(change.over(host()) == Lines{"the gateway 192.0.2.1 (blocked)"});
  change.blocked = {"192.0.2.10"};
  CHECK(change.over(host()) == Lines{"192.0.2.10, an address of this host (blocked)"});
  change.blocked = {"192.0.2.53"};
  CHECK(change.over(host()) == Lines{"the resolver 192.0.2.53 (blocked)"});
  change.blocked = {"198.51.100.9"};
  CHECK(change.over(host()) == Lines{"your own connection, from 198.51.100.9:50000 to 192.0.2.10:22 (blocked)"});
  change.blocked = {"0.0.0.0", "::"};  // as lists of bogons have it
  CHECK(change.over(host()).empty());
}

TEST_CASE("an address that is in `allowed` too is not cut off by `blocked`") {
  Change change;
  change.blocked = {"192.0.2.1"};
  change.set_member = "192.0.2.1";
  CHECK(change.over(host()).empty());
}

TEST_CASE("an entry is named also where a default of drop is in force") {
  Change change;
  change.before = change.after = chain({}, RuleAction::drop);
  change.blocked = {"192.0.2.1"};
  CHECK(change.over(host()) == Lines{"the gateway 192.0.2.1 (blocked)"});
  change.blocked = {"192.0.2.10"};
  CHECK(change.over(host()) == Lines{"192.0.2.10, an address of this host (blocked)"});
}

TEST_CASE("a rule that names vital addresses is named, one that asks for something else is not") {
  CHECK(over(host(), {{{"src", "192.0.2.0/24"}, {"l4proto", "TCP"}, {"dport", 23}, {"action", "drop"}}}).empty());
  CHECK(over(host(), {{{"src", "203.0.113.0/24"}, {"action", "drop"}}}).empty());
  CHECK(over(host(), {{{"conntrack", "invalid"}, {"action", "drop"}}}).empty());
  CHECK(over(host(), {{{"src", "192.0.2.1"}, {"action", "accept"}}, {{"src", "192.0.2.0/29"}, {"action", "drop"}}})
            .empty());
  CHECK(over(host(), {{{"src", "192.0.2.0/29"}, {"action", "count"}}}).empty());
  CHECK(over(host(), {{{"src", "192.0.2.0/29"}, {"action", "count"}}, {{"src", "192.0.2.0/29"}, {"action", "drop"}}}) ==
        Lines{"the gateway 192.0.2.1 (rule 1 of ingress)"});
  CHECK(over(host(), {{{"src", "192.0.2.0/29"}, {"action", "drop"}}}) ==
        Lines{"the gateway 192.0.2.1 (rule 0 of ingress)"});
  CHECK(over(host(), {{{"src", "192.0.2.10"}, {"action", "drop"}}}) ==
        Lines{"192.0.2.10, an address of this host (rule 0 of ingress)"});
  CHECK(over(host(), {{{"in", "eth1"}, {"src", "192.0.2.1"}, {"action", "drop"}}}).empty());
  CHECK(over(host(), {{{"in", "eth0"}, {"src", "192.0.2.1"}, {"action", "drop"}}}).size() == 1);
  Change change;
  change.after = chain({{{"src", "@office"}, {"action", "drop"}}});
  CHECK(change.over(host()).empty());
  change.set_member = "192.0.2.53";
  CHECK(change.over(host()) == Lines{"the resolver 192.0.2.53 (rule 0 of ingress)"});
  change.before = change.after;
  CHECK(change.over(host()).empty());  // it was so before
}

TEST_CASE("no neighbour discovery is cut off on a port without neighbours, such as tun") {
  HostTraffic traffic = host();
  CHECK(over(traffic, {{{"l4proto", "ICMPv6"}, {"action", "drop"}}}).front().starts_with("IPv6 neighbour discovery"));
  traffic.networks.front().neighbours = false;
  CHECK(over(traffic, {{{"l4proto", "ICMPv6"}, {"action", "drop"}}}).empty());
}

TEST_CASE("a default of drop spares what is established, and cuts off neighbour discovery and new logins") {
  CHECK(over(host(), {}, RuleAction::drop) == Lines{kNeighbours, kLogin});
  CHECK(over(host(), {kAcceptIcmpv6}, RuleAction::drop) == Lines{kLogin});
  CHECK(over(host(), {kAcceptIcmpv6, kAcceptSsh}, RuleAction::drop).empty());
  CHECK(over(host(), {{{"action", "drop"}}}).size() == 2);  // a rule for everything is a default by another name
  HostTraffic only_v4 = host();
  only_v4.networks[0].addresses.resize(1);
  only_v4.networks[0].gateways.resize(1);
  CHECK(over(only_v4, {kAcceptSsh}, RuleAction::drop).empty());
}

TEST_CASE("neighbours are those of the own link, and the gateways") {
  const json link_local = {{"src", "fe80::/10"}, {"l4proto", "ICMPv6"}, {"action", "accept"}};
  CHECK(over(host(), {kAcceptSsh, link_local}, RuleAction::drop) == Lines{kNeighbours});
  const json global = {{"src", "2001:db8::/64"}, {"l4proto", "ICMPv6"}, {"action", "accept"}};
  CHECK(over(host(), {kAcceptSsh, global}, RuleAction::drop) == Lines{kNeighbours});
  CHECK(over(host(), {kAcceptSsh, global, link_local}, RuleAction::drop).empty());
}

TEST_CASE("final rules that name nobody, or everybody, do not count as naming") {
  const std::vector<json> first = {kAcceptIcmpv6, kAcceptSsh};
  for (const json& last : std::vector<json>{{{"action", "drop"}},
                                            {{"src", "0.0.0.0/0"}, {"action", "drop"}},
                                            {{"src", "::/0"}, {"action", "drop"}},
                                            {{"dst", "192.0.2.10"}, {"action", "drop"}},
                                            {{"src", "!10.0.0.0/8"}, {"action", "drop"}}}) {
    INFO(last.dump());
    CHECK(over(host(), {first[0], first[1], last}).empty());
  }
}

TEST_CASE("whoever came in must be able to come in again") {
  CHECK(over(host(), {{{"src", "198.51.100.9"}, {"l4proto", "TCP"}, {"action", "drop"}}}).size() == 1);
  CHECK(over(host(), {{{"l4proto", "TCP"}, {"dport", 22}, {"action", "drop"}}}) ==
        Lines{"new connections from 198.51.100.9 to 192.0.2.10:22, as yours came in (rule 0 of ingress)"});
  CHECK(over(host(), {{{"l4proto", "TCP"}, {"dport", 23}, {"action", "drop"}}}).empty());
  HostTraffic outgoing = host();  // the host began it
  outgoing.caller[0].accepted = false;
  CHECK(over(outgoing, {{{"l4proto", "TCP"}, {"dport", 22}, {"action", "drop"}}}).empty());
}

TEST_CASE("a connection counts where its address may be reached by the port") {
  const json no_ssh = {{"l4proto", "TCP"}, {"dport", 22}, {"action", "drop"}};
  HostTraffic service = host();
  service.caller = {accepted("203.0.113.200", 22, "198.51.100.9", 50000)};  // of a loopback or dummy interface
  CHECK(over(service, {no_ssh}).size() == 1);
  service.networks[0].elsewhere = {address("203.0.113.200")};  // of a port for management
  CHECK(over(service, {no_ssh}).empty());
  service.routes = {{address("198.51.100.9"), "eth0"}};
  CHECK(over(service, {no_ssh}).size() == 1);
}

TEST_CASE("a default of drop that does not spare what is established names each connection, few of many") {
  Change change;
  change.after = chain({kAcceptIcmpv6}, RuleAction::drop);
  change.after.accept_established = false;
  CHECK(change.over(host()) ==
        Lines{"answers of the resolver 192.0.2.53 (the default of ingress)",
              "your own connection, from 198.51.100.9:50000 to 192.0.2.10:22 (the default of ingress)",
              "the connection of 192.0.2.10:443 with 203.0.113.7:40000 (the default of ingress)"});
  HostTraffic busy = host();
  busy.resolvers.clear();
  busy.caller.clear();
  for (std::uint16_t i = 1; i <= 100; ++i) {
    busy.standing.push_back(accepted("192.0.2.10", 443, "203.0.113." + std::to_string(i), 40000));
    busy.standing.push_back(accepted("192.0.2.10", 443, "203.0.113." + std::to_string(i), 40001));
  }
  const Lines lines = change.over(busy);
  REQUIRE(lines.size() == 6);
  CHECK(lines.back() == "and 96 more connections");
}

TEST_CASE("an attacker's standing connection may be cut off by whoever names it") {
  CHECK(over(host(), {{{"src", "203.0.113.7"}, {"action", "drop"}}}).empty());
  Change change;
  change.after = chain({{{"src", "203.0.113.7"}, {"action", "drop"}}});
  change.after.accept_established = false;
  CHECK(change.over(host()).empty());
}

TEST_CASE("where answers are not seen, a default of drop must have a rule for them") {
  HostTraffic one_way = host();
  one_way.egress_seen = false;
  one_way.one_way = true;
  const Lines lines = over(one_way, {kAcceptIcmpv6}, RuleAction::drop);
  CHECK(std::count(lines.begin(), lines.end(),
                   "answers to what this host begins: only what comes in is seen (run with --direction both) (the "
                   "default of ingress)") == 1);
  CHECK(std::count_if(lines.begin(), lines.end(),
                      [](const std::string& line) { return line.starts_with("your own connection"); }) == 1);
  const json tcp = {{"l4proto", "TCP"}, {"action", "accept"}};
  const json dns = {{"l4proto", "UDP"}, {"sport", 53}, {"action", "accept"}};
  CHECK(over(one_way, {kAcceptIcmpv6, tcp, dns}, RuleAction::drop).empty());
}

TEST_CASE("what leaves is judged where it is seen") {
  Change change;
  change.egress = chain({{{"dst", "192.0.2.1"}, {"action", "drop"}}});
  CHECK(change.over(host()).empty());  // before and after: nothing changes
  const auto packets = vital_packets(host());
  const ChainRules open;
  const InSet none = [](const std::string&, const IpAddress&) { return false; };
  CHECK(cut_off(packets, {{&open, &open}, none}, {{&open, &change.egress}, none}) ==
        Lines{"the gateway 192.0.2.1 (rule 0 of egress)"});
  HostTraffic unseen = host();
  unseen.egress_seen = false;
  CHECK(cut_off(vital_packets(unseen), {{&open, &open}, none}, {{&open, &change.egress}, none}).empty());
  const ChainRules drops = chain({}, RuleAction::drop);
  const Lines lines = cut_off(packets, {{&open, &open}, none}, {{&open, &drops}, none});
  REQUIRE(lines.size() == 2);
  CHECK(lines.front().starts_with("IPv6 neighbour discovery on eth0"));
  CHECK(lines.back() == "questions to the resolver 192.0.2.53 (the default of egress)");
}

TEST_CASE("ARP is vital to whoever has an IPv4 address") {
  Change change;
  change.after.non_ip = {0x88CC};
  CHECK(change.over(host()) == Lines{"ARP, by which IPv4 neighbours are found (non-ip of ingress)"});
  change.after.non_ip = {0x0806, 0x88CC};
  CHECK(change.over(host()).empty());
  change.before.non_ip = change.after.non_ip = {0x88CC};
  CHECK(change.over(host()).empty());
  change.before.non_ip.reset();
  HostTraffic only_v6 = host();
  only_v6.networks[0].addresses.erase(only_v6.networks[0].addresses.begin());
  only_v6.networks[0].gateways.erase(only_v6.networks[0].gateways.begin());
  only_v6.resolvers.clear();
  only_v6.caller.clear();
  only_v6.standing.clear();
  CHECK(change.over(only_v6).empty());
}

TEST_CASE("a connection of an address that no watched port has is not judged") {
  HostTraffic elsewhere = host();
  elsewhere.caller = {accepted("10.0.0.1", 22, "10.0.0.2", 50000)};
  elsewhere.standing = elsewhere.caller;
  Change change;
  change.after = chain({kAcceptIcmpv6}, RuleAction::drop);
  change.after.accept_established = false;
  elsewhere.networks[0].elsewhere = {address("10.0.0.1")};
  CHECK(change.over(elsewhere) == Lines{"answers of the resolver 192.0.2.53 (the default of ingress)"});
}

}  // namespace
TEST_CASE("a limit cuts off what it holds below a sensible rate") {
  const auto limited = [](const json& fields, const std::string& rate) {
    json rule = {{"l4proto", "TCP"}, {"dport", 22}, {"action", "limit"}, {"rate", rate}, {"per", "source"}};
    rule.update(fields);
    return rule;
  };
  const json any = json::object();
  CHECK(over(host(), {limited(any, "20/s")}).empty());
  CHECK(over(host(), {limited(any, "19/s")}) ==
        Lines{"your own connection, from 198.51.100.9:50000 to 192.0.2.10:22 (rule 0 of ingress limits it to 19/s, it "
              "needs 20/s)"});
  CHECK(over(host(), {limited(any, "1/h")}).size() == 1);
  CHECK(over(host(), {limited(any, "80kbit/s")}).empty());
  CHECK(over(host(), {limited(any, "79kbit/s")}).size() == 1);
  // New connections come one at a time, and established ones do not meet this limit.
  const json opening = {{"conntrack", "NEW"}};
  CHECK(over(host(), {limited(opening, "3/m")}).empty());
  CHECK(
      over(host(), {limited(opening, "2/m")}) ==
      Lines{"new connections from 198.51.100.9 to 192.0.2.10:22, as yours came in (rule 0 of ingress limits it to 2/m, "
            "it needs 3/m)"});
  // Neither one that an earlier rule accepts.
  CHECK(over(host(), {{{"src", "198.51.100.9"}, {"action", "accept"}}, limited(any, "1/h")}).empty());
  CHECK(over(host(), {{{"dport", 443}, {"action", "accept"}}, limited(any, "1/h")}).size() == 1);
  // Whoever names an attacker means to slow him down.
  const json attacker = {{"src", "203.0.113.7"}, {"dport", 443}};
  CHECK(over(host(), {limited(attacker, "1/h")}).empty());
  CHECK(over(host(), {limited({{"dport", 443}}, "1/h")}).size() == 1);
  Change change;
  change.before = chain({limited(any, "1/m")});
  change.after = chain({limited(any, "1/h")});
  CHECK(change.over(host()).empty());  // it was as slow before
}

}  // namespace nicsentry::cut_off_test
