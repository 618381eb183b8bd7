// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/ruleset.h"
#include "tests/rules/import/imported.h"

namespace nicsentry::nft_import_test {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;
using testing::import_texts;
using testing::Imported;

json chain(const std::string& name, const std::string& hook = "input", const std::string& policy = "accept",
           int priority = 0, const std::string& family = "inet") {
  json made = {{"family", family}, {"table", "t"}, {"name", name}};
  if (!hook.empty()) made.update({{"type", "filter"}, {"hook", hook}, {"prio", priority}, {"policy", policy}});
  return {{"chain", made}};
}

json rule(const std::string& name, const std::string& expr, const std::string& family = "inet") {
  return {
      {"rule",
       {{"family", family}, {"table", "t"}, {"chain", name}, {"handle", 7}, {"expr", json::parse("[" + expr + "]")}}}};
}

std::string match(const std::string& left, const std::string& right, const std::string& op = "==") {
  return R"({"match": {"op": ")" + op + R"(", "left": )" + left + R"(, "right": )" + right + "}}";
}

std::string payload(const std::string& protocol, const std::string& field) {
  return R"({"payload": {"protocol": ")" + protocol + R"(", "field": ")" + field + R"("}})";
}

std::string meta(const std::string& key) { return R"({"meta": {"key": ")" + key + R"("}})"; }

constexpr const char* kState = R"({"ct": {"key": "state"}})";
constexpr const char* kDrop = R"(, {"drop": null})";
constexpr const char* kAccept = R"(, {"accept": null})";

std::string limit(const std::string& fields) { return R"({"limit": {)" + fields + "}}"; }

// A limit for each element of a set.
std::string keyed(const std::string& key, const std::string& fields, const std::string& set = "@s") {
  return R"({"set": {"op": "update", "elem": )" + key + R"(, "set": ")" + set + R"(", "stmt": [)" + limit(fields) +
         "]}}";
}

Imported imported(std::vector<json> objects) {
  objects.insert(objects.begin(), {{"metainfo", {{"json_schema_version", 1}}}});
  const Texts texts{json{{"nftables", objects}}.dump()};
  Imported read = import_texts(texts);
  parse_ruleset(read.ruleset, Chain::ingress, 0);  // it is one
  return read;
}

// The only rule that matches become in a chain of both families, without its action.
json fields(const std::string& matches) {
  const Imported read = imported({chain("in"), rule("in", matches + kDrop)});
  CHECK(read.left_out == Texts{});
  REQUIRE(read.ruleset.at("ingress").at("rules").size() == 1);
  json made = read.ruleset.at("ingress").at("rules").at(0);
  made.erase("action");
  return made;
}

std::string why_left_out(const std::string& expr) {
  const Imported read = imported({chain("in"), rule("in", expr)});
  CHECK(read.ruleset.at("ingress").at("rules").empty());
  return read.left_out.size() == 1 ? read.left_out.front() : std::to_string(read.left_out.size()) + " lines";
}

}  // namespace

TEST_CASE("ICMP type and code, length, DSCP, TTL and VLAN of nft become fields") {
  CHECK(fields(match(payload("icmp", "type"), R"("echo-request")")) ==
        json{{"l4proto", "ICMP"}, {"icmptype", "echo-request"}});
  CHECK(fields(match(payload("icmpv6", "type"), R"({"set": ["nd-neighbor-solicit", "nd-router-advert", 1]})")) ==
        json{{"l4proto", "ICMPv6"}, {"icmptype", "destination-unreachable,134-135"}});
  CHECK(fields(match(payload("icmp", "type"), R"("destination-unreachable")") + "," +
               match(payload("icmp", "code"), R"("frag-needed")")) ==
        json{{"l4proto", "ICMP"}, {"icmptype", "destination-unreachable"}, {"icmpcode", "frag-needed"}});
  CHECK(fields(match(payload("icmp", "type"), "8", "!=")) == json{{"l4proto", "ICMP"}, {"icmptype", "0-7,9-255"}});
  CHECK(fields(match(meta("length"), "100", "<=")) == json{{"length", "0-100"}});
  CHECK(fields(match(payload("ip", "length"), R"({"range": [40, 100]})")) ==
        json{{"src", "0.0.0.0/0"}, {"length", "40-100"}});
  CHECK(fields(match(meta("length"), R"({"range": [1400, 1500]})")) == json{{"length", "1400-1500"}});
  CHECK(fields(match(payload("ip", "dscp"), R"({"set": ["cs1", 46]})")) ==
        json{{"src", "0.0.0.0/0"}, {"dscp", "cs1,ef"}});
  CHECK(fields(match(payload("ip6", "dscp"), R"("af11")", "!=")) == json{{"src", "::/0"}, {"dscp", "0-9,11-63"}});
  CHECK(fields(match(payload("ip", "ttl"), "5", "<")) == json{{"src", "0.0.0.0/0"}, {"ttl", "0-4"}});
  CHECK(fields(match(payload("ip6", "hoplimit"), "254", ">")) == json{{"src", "::/0"}, {"ttl", 255}});
  CHECK(fields(match(payload("vlan", "id"), "10")) == json{{"vlan", 10}});
  CHECK(fields(match(payload("vlan", "id"), "10", "!=")) == json{{"vlan", "0-9,11-4095"}});
}

TEST_CASE("each match of nft becomes a field") {
  CHECK(fields(match(payload("ip", "saddr"), R"("10.0.0.1")")) == json{{"src", "10.0.0.1/32"}});
  CHECK(fields(match(payload("ip", "daddr"), R"({"prefix": {"addr": "10.0.0.0", "len": 8}})")) ==
        json{{"dst", "10.0.0.0/8"}});
  CHECK(fields(
            match(payload("ip6", "saddr"), R"({"set": ["2001:db8::1", {"range": ["2001:db8::5", "2001:db8::9"]}]})")) ==
        json{{"src", {"2001:db8::1/128", "2001:db8::5-2001:db8::9"}}});
  CHECK(fields(match(payload("ip", "saddr"), R"("10.0.0.1")", "!=")) == json{{"src", {"0.0.0.0/0", "!10.0.0.1/32"}}});
  CHECK(fields(match(payload("tcp", "dport"), R"({"set": [22, {"range": [8000, 8100]}, 80]})")) ==
        json{{"l4proto", "TCP"}, {"dport", "22,80,8000-8100"}});
  CHECK(fields(match(payload("udp", "sport"), "53", "!=")) == json{{"l4proto", "UDP"}, {"sport", "0-52,54-65535"}});
  CHECK(fields(match(meta("l4proto"), R"({"set": ["tcp", "udp"]})") + "," + match(payload("th", "dport"), "53")) ==
        json{{"l4proto", "TCP,UDP"}, {"dport", 53}});
  CHECK(fields(match(meta("l4proto"), R"("ipv6-icmp")")) == json{{"l4proto", "ICMPv6"}});
  CHECK(fields(match(payload("ip", "protocol"), R"("icmp")")) == json{{"src", "0.0.0.0/0"}, {"l4proto", "ICMP"}});
  CHECK(fields(match(meta("nfproto"), R"("ipv6")")) == json{{"src", "::/0"}});
  CHECK(fields(match(meta("nfproto"), R"("ipv6")", "!=")) == json{{"src", "0.0.0.0/0"}});
  CHECK(fields(match(meta("iifname"), R"({"set": ["eth0", "eth1"]})")) == json{{"in", {"eth0", "eth1"}}});
  CHECK(fields(match(meta("iif"), R"("lo")", "!=") + "," + match(payload("ip", "saddr"), R"("127.0.0.1")")) ==
        json{{"src", "127.0.0.1/32"}});
  CHECK(fields(match(kState, R"("invalid")", "in")) == json{{"conntrack", "INVALID"}});
  CHECK(fields(match(payload("tcp", "flags"), R"("syn")", "in")) == json{{"l4proto", "TCP"}, {"tcpflags", "SYN"}});
  CHECK(fields(match(payload("tcp", "flags"), R"("syn")")) ==
        json{{"l4proto", "TCP"}, {"tcpflags", "SYN,!FIN,!ACK,!RST,!PSH,!URG,!CWR,!ECE"}});
  CHECK(fields(match(payload("tcp", "flags"), R"(["syn", "fin"])", "!")) ==
        json{{"l4proto", "TCP"}, {"tcpflags", "!SYN,!FIN"}});
  CHECK(fields(match(R"({"&": [)" + payload("tcp", "flags") + R"(, ["syn", "ack"]]})", R"("syn")")) ==
        json{{"l4proto", "TCP"}, {"tcpflags", "SYN,!ACK"}});
  CHECK(fields(match(R"({"&": [)" + payload("tcp", "flags") + R"(, {"|": ["fin", "syn"]}]})", "0")) ==
        json{{"l4proto", "TCP"}, {"tcpflags", "!SYN,!FIN"}});
}

TEST_CASE("a map of verdicts is a rule for each value") {
  const Imported read = imported({chain("in", "input", "drop"), rule("in", R"({"vmap": {"key": {"ct": {"key": "state"}},
      "data": {"set": [["established", {"accept": null}], ["related", {"accept": null}],
                       ["invalid", {"drop": null}]]}}})")});
  CHECK(read.left_out == Texts{});
  CHECK(read.ruleset.at("ingress") == json::parse(R"({"default": "drop", "accept_established": true, "rules": [
      {"conntrack": "RELATED", "action": "forward"}, {"conntrack": "INVALID", "action": "drop"}]})"));
}

TEST_CASE("named sets of addresses come along, with the time that is left") {
  const json bad = json::parse(R"({"set": {"family": "inet", "name": "bad", "table": "t", "type": "ipv4_addr",
      "elem": ["10.0.0.1", {"prefix": {"addr": "192.0.2.0", "len": 24}},
               {"elem": {"val": "10.0.0.9", "timeout": 600, "expires": 60}}]}})");
  json blocked = bad;
  blocked["set"]["name"] = "blocked";
  json ports = json::parse(
      R"({"set": {"family": "inet", "name": "p", "table": "t", "type": "inet_service", "elem": [22, 80]}})");
  const Imported read =
      imported({bad, blocked, ports, chain("in"), rule("in", match(payload("ip", "saddr"), R"("@bad")") + kDrop),
                rule("in", match(payload("ip", "daddr"), R"("@blocked")", "!=") + "," +
                               match(payload("tcp", "dport"), R"("@p")") + kDrop)});
  CHECK(read.left_out == Texts{});
  CHECK(read.ruleset.at("sets") ==
        json::parse(R"({"bad": ["10.0.0.1", "192.0.2.0/24", {"range": "10.0.0.9", "expires": "60s"}],
                        "t.blocked": ["10.0.0.1", "192.0.2.0/24", {"range": "10.0.0.9", "expires": "60s"}]})"));
  CHECK(read.ruleset.at("ingress").at("rules") == json::parse(R"([{"src": "@bad", "action": "drop"},
      {"src": "0.0.0.0/0", "dst": "!@t.blocked", "l4proto": "TCP", "dport": "22,80", "action": "drop"}])"));
}

TEST_CASE("actions: counters count, a log that accepts is one, output is the egress chain") {
  const Imported read =
      imported({chain("in"), chain("out", "output", "drop"), rule("in", R"({"counter": {"packets": 3}})"),
                rule("in", R"({"log": {"prefix": "x"}}, {"accept": null})"),
                rule("out", match(meta("oifname"), R"("eth0")") + kAccept)});
  CHECK(read.left_out == Texts{});
  CHECK(read.ruleset.at("ingress").at("rules") == json::parse(R"([{"action": "count"}, {"action": "log"}])"));
  CHECK(read.ruleset.at("egress").at("default") == "drop");
  CHECK(read.ruleset.at("egress").at("rules") == json::parse(R"([{"out": "eth0", "action": "forward"}])"));
}

TEST_CASE("chains of a hook follow each other while they only drop") {
  const auto drops = rule("first", match(payload("tcp", "dport"), "23") + kDrop);
  const auto accepts = rule("in", match(payload("tcp", "dport"), "22") + kAccept);
  Imported read = imported({chain("in", "input", "drop", 10), chain("first", "input", "accept", -5), accepts, drops});
  CHECK(read.left_out == Texts{});
  CHECK(read.ruleset.at("ingress").at("default") == "drop");
  CHECK(read.ruleset.at("ingress").at("rules")[0].at("dport") == 23);
  read = imported({chain("in", "input", "accept", -10), chain("first", "input", "drop", -5), accepts, drops});
  CHECK(read.ruleset.at("ingress").at("rules").size() == 1);
  REQUIRE(read.left_out.size() == 2);  // the rule and the policy
  CHECK_THAT(read.left_out[0], Catch::StartsWith("inet t first handle 7: it decides after 'inet t in'"));
}

TEST_CASE("a rule of one family's table is of this family; behind one that takes all there is none") {
  const Imported read = imported({chain("in", "input", "drop", 0, "ip6"),
                                  rule("in", match(payload("ip6", "saddr"), R"("2001:db8::1")") + kDrop, "ip6"),
                                  rule("in", R"({"accept": null})", "ip6"),
                                  rule("in", match(payload("tcp", "dport"), "22") + kDrop, "ip6")});
  CHECK(read.ruleset.at("ingress").at("default") == "accept");
  CHECK(read.ruleset.at("ingress").at("rules") == json::parse(R"([{"src": "2001:db8::1/128", "action": "drop"},
      {"src": "::/0", "action": "forward"}, {"src": "::/0", "action": "drop"}])"));
}

TEST_CASE("a limit of nft beyond whose rate packets are dropped is a limit") {
  const std::string over = R"("rate": 10, "burst": 7, "per": "minute", "inv": true)";
  const json ours = {{"rate", "10/m"}, {"burst", 7}};
  const auto with = [](json fields, const json& more) {
    fields.update(more);
    return fields;
  };
  CHECK(fields(limit(over)) == ours);
  CHECK(fields(match(payload("tcp", "dport"), "22") + "," + limit(over)) ==
        with(ours, {{"l4proto", "TCP"}, {"dport", 22}}));
  CHECK(fields(keyed(payload("ip", "saddr"), over)) == with(ours, {{"src", "0.0.0.0/0"}, {"per", "source"}}));
  CHECK(fields(keyed(payload("ip6", "saddr"), over)) == with(ours, {{"src", "::/0"}, {"per", "source/128"}}));
  CHECK(fields(keyed(payload("ip6", "daddr"), over)) == with(ours, {{"src", "::/0"}, {"per", "destination"}}));
  CHECK(fields(keyed(R"({"&": [)" + payload("ip", "daddr") + R"(, "255.255.240.0"]})", over)) ==
        with(ours, {{"src", "0.0.0.0/0"}, {"per", "destination/20/128"}}));
  CHECK(fields(R"({"meter": {"key": {"elem": {"val": )" + payload("ip", "saddr") + R"(, "timeout": 60}}, "stmt": )" +
               limit(over) + R"(, "size": 99, "name": "m"}})") ==
        with(ours, {{"src", "0.0.0.0/0"}, {"per", "source"}}));
  CHECK(fields(limit(R"("rate": 48, "burst": 0, "per": "day", "inv": true)")) == json{{"rate", "2/h"}, {"burst", 5}});
  CHECK(fields(limit(R"("rate": 1, "burst": 0, "per": "second", "inv": true, "rate_unit": "mbytes")")) ==
        json{{"rate", "8388608bit/s"}, {"burst", "1048576B"}});
  CHECK(fields(limit(R"("rate": 60, "burst": 100, "per": "minute", "inv": true, "rate_unit": "kbytes",
                        "burst_unit": "kbytes")")) == json{{"rate", "8192bit/s"}, {"burst", "163840B"}});
}

TEST_CASE("a limit of nft within whose rate packets are accepted is a limit and a rule, where the rest is dropped") {
  const std::string within = limit(R"("rate": 5, "burst": 5, "per": "second")") + kAccept;
  const std::string ping = match(payload("icmp", "type"), R"("echo-request")") + ",";
  const json limited = json::parse(R"([
      {"l4proto": "ICMP", "icmptype": "echo-request", "action": "limit", "rate": "5/s", "burst": 5},
      {"l4proto": "ICMP", "icmptype": "echo-request", "action": "forward"}])");
  const auto rules_of = [](const Imported& read) { return read.ruleset.at("ingress").at("rules"); };
  Imported read = imported({chain("in", "input", "drop"), rule("in", ping + within)});
  CHECK(read.left_out == Texts{});
  CHECK(rules_of(read) == limited);
  read = imported({chain("in"), rule("in", ping + within), rule("in", ping + R"({"drop": null})")});
  CHECK(read.left_out == Texts{});
  CHECK(rules_of(read).size() == 3);
  // A rule for other packets is in nobody's way.
  read = imported({chain("in", "input", "drop"), rule("in", ping + within),
                   rule("in", match(payload("tcp", "dport"), "22") + kAccept)});
  CHECK(read.left_out == Texts{});
  CHECK(rules_of(read).size() == 3);
  for (const std::string& next :
       {match(payload("ip", "saddr"), R"("10.0.0.1")") + kAccept, ping + R"({"counter": null})"}) {
    read = imported({chain("in", "input", "drop"), rule("in", ping + within), rule("in", next)});
    REQUIRE(read.left_out.size() == 1);
    CHECK_THAT(read.left_out[0], Catch::Contains("what is beyond it meets the next rules"));
  }
}

TEST_CASE("a chain with limits accepts what is established at the place where nft does") {
  const std::string established = match(kState, R"("established")") + kAccept;
  const std::string over = limit(R"("rate": 10, "burst": 7, "per": "minute", "inv": true)") + kDrop;
  const Imported read = imported({chain("in", "input", "drop"), rule("in", established), rule("in", over)});
  CHECK(read.left_out == Texts{});
  CHECK_FALSE(read.ruleset.at("ingress").at("accept_established").get<bool>());
  CHECK(read.ruleset.at("ingress").at("rules").at(0) == json{{"conntrack", "ESTABLISHED"}, {"action", "forward"}});
  CHECK(read.ruleset.at("ingress").at("rules").at(1).at("action") == "limit");
}

TEST_CASE("a limit of nft that no rule says is left out, one that is not quite the same is named") {
  const std::string over = R"("rate": 10, "burst": 7, "per": "minute", "inv": true)";
  const std::string within = R"("rate": 10, "burst": 7, "per": "minute")";
  const std::string saddr = payload("ip", "saddr");
  const auto left = [](const std::string& expr, const std::string& why) {
    INFO(expr);
    CHECK_THAT(why_left_out(expr), Catch::Contains(why));
  };
  left(limit(within) + kDrop, "accept what is within it and drop the rest");
  left(limit(over) + kAccept, "accept what is within it and drop the rest");
  left(limit(over), "accept what is within it and drop the rest");
  left(limit(over) + "," + match(payload("tcp", "dport"), "22") + kDrop, "it stands behind a limit");
  left(limit(over) + "," + limit(over) + kDrop, "it stands behind a limit");
  left(R"({"limit": "shared"})" + std::string(kDrop), "several rules can share");
  left(keyed(R"({"concat": [)" + saddr + "," + payload("tcp", "dport") + "]}", over) + kDrop,
       "buckets are for a source or a destination only");
  left(keyed(R"({"&": [)" + saddr + R"(, "255.0.255.0"]})", over) + kDrop, "is no prefix");
  left(limit(R"("rate": 7, "per": "day", "inv": true)") + kDrop, "no whole number of packets an hour");
  left(limit(R"("rate": 10, "per": "second", "inv": true, "rate_unit": "kbytes")") + kDrop,
       "larger packets never pass there");
  left(match(kState, R"({"set": ["new", "invalid"]})") + "," + limit(over) + kDrop, "packets of several states");
  left(R"({"set": {"op": "add", "elem": )" + saddr + R"(, "set": "@s", "stmt": [{"counter": null}]}})" + kDrop,
       "a rule changes no set");
  Imported read =
      imported({chain("in"), rule("in", keyed(saddr, over) + kDrop), rule("in", keyed(saddr, over) + kDrop)});
  REQUIRE(read.left_out.size() == 1);
  CHECK_THAT(read.left_out[0], Catch::Contains("two rules have buckets in @s"));
  const std::string to = R"(, {"jump": {"target": "more"}})";
  read = imported({chain("in"), chain("more", ""), rule("more", limit(over) + kDrop),
                   rule("in", match(payload("tcp", "dport"), "1") + to),
                   rule("in", match(payload("tcp", "dport"), "2") + to)});
  CHECK(read.ruleset.at("ingress").at("rules").empty());
  REQUIRE(read.left_out.size() == 1);
  CHECK_THAT(read.left_out[0], Catch::Contains("several jumps lead to it"));
  const auto named = [&](const std::string& element, const std::string& op) {
    std::string expr = keyed(element, over) + kDrop;
    expr.replace(expr.find("update"), 6, op);
    const Imported found = imported({chain("in"), rule("in", expr)});
    CHECK(found.ruleset.at("ingress").at("rules").size() == 1);
    return found.left_out;
  };
  const auto ends = [&](int seconds) {
    return R"({"elem": {"val": )" + saddr + R"(, "timeout": )" + std::to_string(seconds) + "}}";
  };
  CHECK(named(ends(42), "update") == Texts{});  // 7 of 10/m are there again by then
  REQUIRE(named(ends(41), "update").size() == 1);
  CHECK_THAT(named(ends(41), "update")[0], Catch::Contains("here it fills at the rate"));
  REQUIRE(named(ends(600), "add").size() == 1);
  CHECK_THAT(named(ends(600), "add")[0], Catch::Contains("here they stay"));
}

TEST_CASE("what no rule says is left out by its handle, with the reason") {
  CHECK(why_left_out(match(payload("icmp", "sequence"), "5") + kAccept) ==
        "inet t in handle 7: icmp sequence: no rule has such a field");
  CHECK(why_left_out(match(payload("ip", "ttl"), "0", "<") + kAccept) ==
        "inet t in handle 7: a value that no packet has");
  CHECK(why_left_out(match(payload("icmp", "type"), R"("nothing")") + kAccept) ==
        "inet t in handle 7: read \"nothing\", no value of icmptype");
  CHECK_THAT(why_left_out(match(payload("icmp", "code"), "4") + kAccept),
             Catch::Contains("icmpcode: read 4 without icmptype"));
  CHECK_THAT(why_left_out(match(meta("mark"), "1") + kDrop), Catch::EndsWith("meta mark: no rule has such a field"));
  CHECK_THAT(why_left_out(limit(R"("rate": 5, "per": "second")") + kAccept),
             Catch::EndsWith("limit: what is beyond it meets the next rules, which do not drop all of it"));
  CHECK_THAT(why_left_out(match(payload("th", "dport"), "53") + kDrop), Catch::Contains("ports of any protocol"));
  CHECK_THAT(why_left_out(match(meta("l4proto"), R"("tcp")", "!=") + kDrop), Catch::Contains("all protocols but some"));
  CHECK_THAT(why_left_out(match(payload("ip", "saddr"), R"("@nowhere")") + kDrop), Catch::Contains("no such set"));
  CHECK_THAT(why_left_out(match(meta("iifname"), R"("eth*")") + kDrop), Catch::Contains("a rule names each interface"));
  CHECK_THAT(why_left_out(match(payload("tcp", "flags"), R"(["syn", "ack"])", "in") + kDrop),
             Catch::Contains("of which one is set"));
  CHECK_THAT(why_left_out(R"({"masquerade": null})"), Catch::Contains("masquerade"));
  CHECK_THAT(why_left_out(R"({"match": 5})"), Catch::Contains("its JSON is of an unknown form"));
  CHECK(why_left_out(R"({"jump": {"target": "none"}})") ==
        "inet t in handle 7: no chain of this name stands in the file");
  const Imported read = imported({chain("in"), chain("fwd", "forward", "drop"), rule("fwd", R"({"accept": null})")});
  CHECK(read.left_out == Texts{"inet t fwd: the policy of drop of the hook forward of inet (filter)",
                               "inet t fwd handle 7: the hook forward of inet (filter)"});
}

TEST_CASE("a rule that can match nothing is left away without a word") {
  CHECK(imported({chain("in"), rule("in", match(payload("tcp", "dport"), "22") + "," +
                                              match(payload("udp", "dport"), "22") + kDrop)})
            .left_out == Texts{});
  CHECK(imported({chain("in"), rule("in", match(kState, R"("untracked")", "in") + kAccept)}).left_out == Texts{});
}

TEST_CASE("JSON of another kind is refused") {
  for (const char* text : {"{}", R"({"nftables": {}})", R"({"nftables": []})", "{"}) {
    CAPTURE(text);
    const Texts texts{text};
    CHECK_THROWS_AS(import_texts(texts), Error);
  }
}

TEST_CASE("sets whose names become the same here stay two sets") {
  json one = json::parse(R"({"set": {"family": "inet", "name": "a_b", "table": "t", "type": "ipv4_addr",
                                     "elem": ["10.77.0.1"]}})");
  json other = one;
  other["set"]["name"] = "a/b";
  other["set"]["elem"] = {"10.99.0.1"};
  const std::string source = payload("ip", "saddr");
  const json read = imported({chain("input"), one, other, rule("input", match(source, "\"@a_b\"") + kDrop),
                              rule("input", match(source, "\"@a/b\"") + kDrop)})
                        .ruleset;
  CHECK(read.at("sets").at("a_b") == json{"10.77.0.1"});
  CHECK(read.at("sets").at("t.a_b") == json{"10.99.0.1"});
  CHECK(read.at("ingress").at("rules").at(0).at("src") == "@a_b");
  CHECK(read.at("ingress").at("rules").at(1).at("src") == "@t.a_b");
}

TEST_CASE("a rule on an extension header of IPv6 holds for IPv4 only, and is named") {
  const std::string of_ah = match(meta("l4proto"), R"("ah")") + kDrop;
  Imported read = imported({chain("input"), rule("input", of_ah)});
  CHECK(read.ruleset.at("ingress").at("rules") == json::parse(R"([{"l4proto": "AH", "action": "drop"}])"));
  REQUIRE(read.left_out.size() == 1);
  CHECK_THAT(read.left_out[0], Catch::Matchers::EndsWith("the rule holds for IPv4 only"));
  read = imported({chain("input", "input", "accept", 0, "ip"), rule("input", of_ah, "ip")});
  CHECK(read.left_out.empty());
}

TEST_CASE("what a rule drops and logs is dropped and logged here, too") {
  const Imported read =
      imported({chain("input"), rule("input", match(payload("tcp", "dport"), "23") + R"(, {"log": null})" + kDrop)});
  CHECK(read.ruleset.at("ingress").at("rules") ==
        json::parse(R"([{"l4proto": "TCP", "dport": 23, "action": "drop", "log": true}])"));
  CHECK(read.left_out.empty());
}

TEST_CASE("chains that lead to each other on many ways are an error, not an endless search") {
  std::vector<json> objects{chain("input")};
  for (int i = 0; i < 10; ++i) objects.push_back(rule("input", R"({"jump": {"target": "input"}})"));
  CHECK_THROWS_WITH(imported(objects), Catch::Matchers::Contains("lead to each other on more than"));
}

TEST_CASE("the form of other firewalls' rules shows in the first line that is no comment") {
  CHECK(foreign_form("{\n  \"nftables\": []}") == ForeignForm::nft_json);
  CHECK(foreign_form("#!/usr/sbin/nft -f\n\nflush ruleset\n") == ForeignForm::nft_text);
  CHECK(foreign_form("table inet filter {\n}\n") == ForeignForm::nft_text);
  CHECK(foreign_form("# Generated by iptables-save v1.8\n*filter\n") == ForeignForm::iptables_save);
  CHECK(foreign_form("Chain INPUT (policy ACCEPT)\n") == ForeignForm::iptables_list);
  for (const char* ours : {"", "{", "{\"rules\": []}", "[]", "# a comment"}) {
    CAPTURE(ours);
    CHECK(foreign_form(ours) == ForeignForm::none);
  }
}

}  // namespace nicsentry::nft_import_test
