// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/ruleset.h"
#include "tests/rules/import/imported.h"

namespace nicsentry::iptables_import_test {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;
using testing::import_texts;
using testing::Imported;

constexpr const char* kChains = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n";

Imported imported(const std::string& lines) {
  const Texts texts{kChains + lines + "COMMIT\n# Completed by iptables-save\n"};
  return import_texts(texts);
}

json rules(const std::string& lines) {
  const Imported read = imported(lines);
  CHECK(read.left_out == Texts{});
  parse_ruleset(read.ruleset, Chain::ingress, 0);  // it is one
  return read.ruleset.at("ingress").at("rules");
}

// The only rule that a line becomes, without the family and the action.
json fields(const std::string& options) {
  json all = rules("-A INPUT " + options + " -j DROP\n");
  REQUIRE(all.size() == 1);
  json rule = all.at(0);
  if (rule.contains("src") && rule.at("src") == "0.0.0.0/0") rule.erase("src");
  rule.erase("action");
  return rule;
}

std::string why_left_out(const std::string& line) {
  const Imported read = imported(line + "\n");
  CHECK(read.ruleset.at("ingress").at("rules").empty());
  return read.left_out.size() == 1 ? read.left_out.front() : std::to_string(read.left_out.size()) + " lines";
}

}  // namespace

TEST_CASE("ICMP type and code, length, DSCP and TTL of iptables become fields") {
  CHECK(fields("-p icmp -m icmp --icmp-type 8") == json{{"l4proto", "ICMP"}, {"icmptype", "echo-request"}});
  CHECK(fields("-p icmp -m icmp --icmp-type echo-reply") == json{{"l4proto", "ICMP"}, {"icmptype", "echo-reply"}});
  CHECK(fields("-p icmp -m icmp --icmp-type 3/4") ==
        json{{"l4proto", "ICMP"}, {"icmptype", "destination-unreachable"}, {"icmpcode", "frag-needed"}});
  CHECK(fields("-p icmp -m icmp --icmp-type host-unreachable") ==
        json{{"l4proto", "ICMP"}, {"icmptype", "destination-unreachable"}, {"icmpcode", "host-unreachable"}});
  CHECK(fields("-p icmp -m icmp --icmp-type any") == json{{"l4proto", "ICMP"}});
  CHECK(fields("-p icmp -m icmp ! --icmp-type 8") == json{{"l4proto", "ICMP"}, {"icmptype", "0-7,9-255"}});
  const Texts ipv6{std::string("# ip6tables-save\n") + kChains +
                   "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-gt 254 -j DROP\nCOMMIT\n"};
  const Imported read = import_texts(ipv6);
  CHECK(read.left_out == Texts{});
  CHECK(read.ruleset.at("ingress").at("rules").at(0) == json{{"src", "::/0"},
                                                             {"l4proto", "ICMPv6"},
                                                             {"icmptype", "nd-neighbor-solicit"},
                                                             {"ttl", 255},
                                                             {"action", "drop"}});
  CHECK(fields("-m length --length 0:100") == json{{"length", "0-100"}});
  CHECK(fields("-m length --length 1400:") == json{{"length", "1400-65535"}});
  CHECK(fields("-m length ! --length 60") == json{{"length", "0-59,61-65535"}});
  CHECK(fields("-m dscp --dscp 0x2e") == json{{"dscp", "ef"}});
  CHECK(fields("-m dscp ! --dscp-class AF11") == json{{"dscp", "0-9,11-63"}});
  CHECK(fields("-m ttl --ttl-lt 5") == json{{"ttl", "0-4"}});
  CHECK(fields("-m ttl --ttl-eq 255") == json{{"ttl", 255}});
  CHECK(fields("-m ttl ! --ttl-eq 255") == json{{"ttl", "0-254"}});
}

TEST_CASE("each match of iptables becomes a field") {
  CHECK(fields("-s 10.0.0.0/8 -d 192.0.2.1/32") == json{{"src", "10.0.0.0/8"}, {"dst", "192.0.2.1/32"}});
  CHECK(fields("! -s 10.0.0.0/8 -p tcp") == json{{"src", {"0.0.0.0/0", "!10.0.0.0/8"}}, {"l4proto", "TCP"}});
  CHECK(fields("-m iprange --src-range 10.0.0.1-10.0.0.9") == json{{"src", "10.0.0.1-10.0.0.9"}});
  CHECK(fields("-i eth0 -p udp -m udp --sport 53 --dport 1024:65535") ==
        json{{"in", "eth0"}, {"l4proto", "UDP"}, {"sport", 53}, {"dport", "1024-65535"}});
  CHECK(fields("! -i eth1") == json{{"in", "!eth1"}});
  CHECK(fields("-p tcp -m multiport --dports 22,80,8000:8100") ==
        json{{"l4proto", "TCP"}, {"dport", "22,80,8000-8100"}});
  CHECK(fields("-p tcp -m tcp ! --dport 22") == json{{"l4proto", "TCP"}, {"dport", "0-21,23-65535"}});
  CHECK(fields("-p tcp -m multiport ! --sports 0:9,65535") == json{{"l4proto", "TCP"}, {"sport", "10-65534"}});
  CHECK(fields("-p 47") == json{{"l4proto", "GRE"}});
  CHECK(fields("-p ipv6-icmp") == json{{"l4proto", "ICMPv6"}});
  CHECK(fields("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN") ==
        json{{"l4proto", "TCP"}, {"tcpflags", "SYN,!FIN,!ACK,!RST"}});
  CHECK(fields("-p tcp -m tcp --syn") == json{{"l4proto", "TCP"}, {"tcpflags", "SYN,!FIN,!ACK,!RST"}});
  CHECK(fields("-p tcp -m tcp --tcp-flags ALL NONE") ==
        json{{"l4proto", "TCP"}, {"tcpflags", "!SYN,!FIN,!ACK,!RST,!PSH,!URG"}});
  CHECK(fields("-p tcp -m tcp ! --tcp-flags SYN SYN") == json{{"l4proto", "TCP"}, {"tcpflags", "!SYN"}});
  CHECK(fields("-m conntrack --ctstate INVALID") == json{{"conntrack", "INVALID"}});
  CHECK(fields("-m comment --comment \"a \\\"good\\\" one\"") == json{{"description", "a \"good\" one"}});
}

TEST_CASE("several states are a rule each") {
  const json read = rules("-A INPUT -p udp -j DROP\n-A INPUT -m state ! --state NEW,INVALID -j ACCEPT\n");
  REQUIRE(read.size() == 3);
  CHECK(read[1].at("conntrack") == "ESTABLISHED");
  CHECK(read[2].at("conntrack") == "RELATED");
}

TEST_CASE("established packets that are accepted before all drops are accepted by the setting") {
  const Imported read = imported(
      "-A INPUT -i lo -j ACCEPT\n-A INPUT -s 10.0.0.1/32 -j ACCEPT\n-A INPUT -m conntrack --ctstate INVALID -j DROP\n"
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -j DROP\n");
  CHECK(read.left_out == Texts{});
  const json ingress = read.ruleset.at("ingress");
  CHECK(ingress.at("accept_established") == true);
  REQUIRE(ingress.at("rules").size() == 4);
  CHECK(ingress.at("rules")[2] == json{{"src", "0.0.0.0/0"}, {"conntrack", "RELATED"}, {"action", "forward"}});
  const Imported behind = imported(
      "-A INPUT -s 10.0.0.1/32 -j DROP\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -j DROP\n");
  CHECK(behind.ruleset.at("ingress").at("accept_established") == false);
  CHECK(behind.ruleset.at("ingress").at("rules").size() == 3);
}

TEST_CASE("the family of a file is told by its comments or by what only that family has, and is not guessed") {
  const auto family = [](const std::string& text) {
    const json rule = import_texts({text}).ruleset.at("ingress").at("rules").at(0);
    return rule.at("src") == "::/0" ? 6 : 4;
  };
  const std::string drop = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j DROP\n";
  CHECK(family("# Generated by ip6tables-nft-save v1.8.9\n" + drop) == 6);
  CHECK(family("# Generated by iptables-nft-save v1.8.9\n" + drop) == 4);
  CHECK(family(drop + "-A INPUT -p ipv6-icmp -j ACCEPT\n") == 6);
  CHECK(family(drop + "-A INPUT -p icmp -j ACCEPT\n") == 4);
  CHECK(family(drop + "-A INPUT -d 2001:db8::/32 -j ACCEPT\n") == 6);
  CHECK_THROWS_WITH(import_texts({drop}),
                    Catch::Matchers::StartsWith("neither a comment nor an address tells whether"));
  CHECK_THROWS_WITH(import_texts({"# iptables-save\n" + drop + "COMMIT\n# ip6tables-save\n" + drop + "COMMIT\n"}),
                    Catch::Matchers::StartsWith("the table filter stands there twice"));
}

TEST_CASE("a policy of one family is a last rule, that of both the default") {
  const Texts one{
      "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n# iptables-save\n"};
  json ruleset = import_texts(one).ruleset;
  CHECK(ruleset.at("ingress").at("default") == "accept");
  CHECK(ruleset.at("ingress").at("rules").back() == json{{"src", "0.0.0.0/0"}, {"action", "drop"}});
  CHECK(ruleset.at("egress").at("rules").empty());
  const Texts both{one[0],
                   "# Generated by ip6tables-save v1.8.9\n*filter\n:INPUT DROP [0:0]\n"
                   "-A INPUT -s fe80::/10 -j ACCEPT\nCOMMIT\n"};
  ruleset = import_texts(both).ruleset;
  CHECK(ruleset.at("ingress").at("default") == "drop");
  CHECK(ruleset.at("ingress").at("rules") ==
        json::parse(R"([{"src": "0.0.0.0/0", "l4proto": "TCP", "action": "forward"},
                        {"src": "fe80::/10", "action": "forward"}])"));
}

TEST_CASE("jumps are resolved") {
  const json read = rules(
      ":web - [0:0]\n:deep - [0:0]\n-A INPUT -p tcp -m tcp --dport 80:443 -j web\n-A INPUT -s 10.0.0.1/32 -j DROP\n"
      "-A web -s 10.0.0.0/8 -p tcp -m tcp --dport 443:500 -j deep\n-A web -s 192.0.2.0/24 -j ACCEPT\n-A web -j RETURN\n"
      "-A web -j DROP\n-A deep ! -s 10.1.0.0/16 -j ACCEPT\n-A deep -p udp -j ACCEPT\n");
  CHECK(read == json::parse(R"([
      {"src": ["10.0.0.0/8", "!10.1.0.0/16"], "l4proto": "TCP", "dport": 443, "action": "forward"},
      {"src": "192.0.2.0/24", "l4proto": "TCP", "dport": "80-443", "action": "forward"},
      {"src": "10.0.0.1/32", "action": "drop"}])"));
}

TEST_CASE("a return of the base chain is its policy, a goto ends with it") {
  const Texts texts{
      "*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n-A INPUT -s 10.0.0.1/32 -j RETURN\n"
      "-A INPUT -s 10.0.0.0/24 -g a\n-A INPUT -j ACCEPT\n-A a -p udp -j ACCEPT\nCOMMIT\n"};
  const Imported read = import_texts(texts);
  CHECK(read.left_out == Texts{});
  CHECK(read.ruleset.at("ingress").at("rules") == json::parse(R"([
      {"src": "10.0.0.1/32", "action": "drop"}, {"src": "10.0.0.0/24", "l4proto": "UDP", "action": "forward"},
      {"src": "10.0.0.0/24", "action": "drop"}, {"src": "0.0.0.0/0", "action": "forward"},
      {"src": "0.0.0.0/0", "action": "drop"}])"));
}

TEST_CASE("hashlimit with a drop is a limit for each source, destination or prefix") {
  const std::string above = "-m hashlimit --hashlimit-above 10/min --hashlimit-burst 7 ";
  const auto limited = [](const std::string& per) {
    json rule = {{"action", "limit"}, {"rate", "10/m"}, {"burst", 7}};
    if (!per.empty()) rule["per"] = per;
    return rule;
  };
  const auto rule = [](const std::string& options) {
    json made = rules("-A INPUT " + options + " -j DROP\n").at(0);
    made.erase("src");
    return made;
  };
  CHECK(rule(above + "--hashlimit-mode srcip --hashlimit-name a") == limited("source"));
  CHECK(rule(above + "--hashlimit-mode dstip --hashlimit-name a --hashlimit-htable-size 8192") ==
        limited("destination"));
  CHECK(rule(above + "--hashlimit-mode srcip --hashlimit-srcmask 24 --hashlimit-name a") == limited("source/24/64"));
  CHECK(rule(above + "--hashlimit-mode srcip --hashlimit-srcmask 0 --hashlimit-name a") == limited(""));
  CHECK(rule(above + "--hashlimit-name a") == limited(""));
  CHECK(rule("-m limit ! --limit 10/minute --limit-burst 7").at("rate") == "10/m");
  const Texts ipv6{std::string("# ip6tables-save\n") + kChains + "-A INPUT " + above +
                   "--hashlimit-mode srcip --hashlimit-srcmask 48 --hashlimit-name a -j DROP\nCOMMIT\n"};
  CHECK(import_texts(ipv6).ruleset.at("ingress").at("rules").at(0).at("per") == "source/48");
}

TEST_CASE("hashlimit in bytes is a limit in bits, whose bucket holds what comes in a second") {
  const Imported read = imported(
      "-A INPUT -p udp -m hashlimit --hashlimit-above 512kb/s --hashlimit-mode srcip --hashlimit-name a -j DROP\n"
      "-A INPUT -p tcp -m hashlimit --hashlimit-above 1mb/s --hashlimit-mode dstip --hashlimit-name b "
      "--hashlimit-htable-expire 500 -j DROP\n");
  json made = read.ruleset.at("ingress").at("rules");
  for (json& rule : made) rule.erase("src");
  CHECK(made == json::parse(R"([
      {"l4proto": "UDP", "action": "limit", "rate": "4194304bit/s", "burst": "524288B", "per": "source"},
      {"l4proto": "TCP", "action": "limit", "rate": "8388608bit/s", "burst": "1048576B", "per": "destination"}])"));
  REQUIRE(read.left_out.size() == 2);
  CHECK_THAT(read.left_out.at(0), Catch::Contains("up to 16 bytes more") && !Catch::Contains("is full again"));
  CHECK_THAT(read.left_out.at(1), Catch::Contains("up to 16 bytes more") && Catch::Contains("is full again after 0 s"));
}

TEST_CASE("limit with an acceptance is a limit and a rule, where the policy or the next rules drop the rest") {
  const std::string accept = "-A INPUT -p icmp -m icmp --icmp-type 8 -m limit --limit 2/hour -j ACCEPT\n";
  CHECK_THAT(imported(accept).left_out.at(0), Catch::Contains("meets the next rules"));
  CHECK_THAT(imported("-A INPUT -m limit --limit 24/day -j ACCEPT\n").left_out.at(0), Catch::Contains("next rules"));
  const json made = rules(
      "-A INPUT -p tcp -m tcp --dport 22 -m limit --limit 48/day -j ACCEPT\n"
      "-A INPUT -p tcp -m tcp --dport 22 -j DROP\n");
  CHECK(made == json::parse(R"([
      {"src": "0.0.0.0/0", "l4proto": "TCP", "dport": 22, "action": "limit", "rate": "2/h", "burst": 5},
      {"src": "0.0.0.0/0", "l4proto": "TCP", "dport": 22, "action": "forward"},
      {"src": "0.0.0.0/0", "l4proto": "TCP", "dport": 22, "action": "drop"}])"));
}

TEST_CASE("a limit of iptables that no rule says is left out, one that is not quite the same is named") {
  const auto left = [](const std::string& options, const std::string& why) {
    INFO(options);
    CHECK_THAT(why_left_out("-A INPUT " + options), Catch::Contains(why));
  };
  const std::string above = "-m hashlimit --hashlimit-above 10/min --hashlimit-name a ";
  left(above + "--hashlimit-mode srcip,dstport -j DROP", "for a source or a destination only");
  left("-m hashlimit --hashlimit-above 512kb/s --hashlimit-burst 1mb --hashlimit-name a -j DROP",
       "a burst of bytes is given out once");
  left("-m hashlimit --hashlimit-above 512kb/min --hashlimit-name a -j DROP", "allowed are b/s, kb/s, mb/s and gb/s");
  left("-m hashlimit --hashlimit-above 5xb/s --hashlimit-name a -j DROP", "allowed are b/s, kb/s, mb/s and gb/s");
  left("-m hashlimit --hashlimit-above 9gb/s --hashlimit-name a -j DROP", "less than 4 GiB/s");
  left("-m hashlimit --hashlimit-above 100b/s --hashlimit-name a -j DROP", "a rate has 1 kbit/s at least");
  left("-m limit --limit 512kb/s -j DROP", "allowed are packets in a time");
  left(above + "-m tcp --dport 22 -j DROP", "it stands behind a limit");
  left(above + "-m conntrack --ctstate NEW -j DROP", "it stands behind a limit");
  left(above + "-j ACCEPT", "accept what is within it and drop the rest");
  left("-m limit --limit 5/sec -m hashlimit --hashlimit-above 1/s -j DROP", "a second limit");
  left("-m hashlimit --hashlimit-above 10/s --hashlimit-rate-match --hashlimit-name a -j DROP",
       "no rule has such a field");
  Imported read = imported("-A INPUT -s 10.0.0.0/8 " + above + "-j DROP\n-A INPUT " + above + "-j DROP\n");
  REQUIRE(read.left_out.size() == 1);
  CHECK_THAT(read.left_out[0], Catch::Contains("two rules have buckets in a"));
  read = imported(
      "-A INPUT -m hashlimit --hashlimit-above 10/sec --hashlimit-burst 20 --hashlimit-mode srcip "
      "--hashlimit-name a -j DROP\n");
  CHECK(read.ruleset.at("ingress").at("rules").size() == 1);
  REQUIRE(read.left_out.size() == 1);
  CHECK_THAT(read.left_out[0], Catch::Contains("after 1 s without a packet"));
}

TEST_CASE("a rule without a target counts") { CHECK(rules("-A INPUT -s 10.0.0.1/32\n")[0].at("action") == "count"); }

TEST_CASE("what no rule says is left out by its line, with the reason") {
  CHECK(why_left_out("-A INPUT -p icmp -m icmp ! --icmp-type 3/4 -j ACCEPT") ==
        "line 5 of IPv4: -A INPUT -p icmp -m icmp ! --icmp-type 3/4 -j ACCEPT: an ICMP code that is not this: a rule "
        "lists those that it matches");
  CHECK(why_left_out("-A INPUT -m ttl --ttl-gt 255 -j ACCEPT") ==
        "line 5 of IPv4: -A INPUT -m ttl --ttl-gt 255 -j ACCEPT: a TTL that no packet has");
  CHECK_THAT(why_left_out("-A INPUT -m limit --limit 5/sec -j ACCEPT"),
             Catch::EndsWith("limit: what is beyond it meets the next rules, which do not drop all of it"));
  CHECK_THAT(why_left_out("-A INPUT ! -p tcp -j DROP"), Catch::Contains("all protocols but one"));
  CHECK_THAT(why_left_out("-A INPUT -i eth+ -j DROP"), Catch::Contains("a rule names each interface"));
  CHECK_THAT(why_left_out("-A INPUT -m set --match-set bad src -j DROP"), Catch::Contains("-m set"));
  CHECK_THAT(why_left_out("-A FORWARD -j DROP"), Catch::Contains("packets that are forwarded"));
  CHECK_THAT(why_left_out("-A INPUT -j missing"), Catch::Contains("no chain of this name"));
  CHECK_THAT(why_left_out("-A INPUT -i lo -j DROP"), Catch::Contains("packets on lo"));
  CHECK_THAT(why_left_out("-A INPUT -j LOG --log-prefix \"x: \""), Catch::Contains("log without a verdict"));
  CHECK_THAT(why_left_out("-A INPUT -o eth0 -j DROP"), Catch::Contains("packets of the other direction"));
  CHECK_THAT(why_left_out("*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\n"),
             Catch::EndsWith("the table nat"));
  CHECK_THAT(why_left_out(":FORWARD DROP [0:0]"), Catch::EndsWith("the policy of another hook"));
  const Imported read = imported("-A INPUT -s 10.0.0.1/32 -j REJECT --reject-with icmp-port-unreachable\n");
  CHECK(read.ruleset.at("ingress").at("rules").size() == 1);
  REQUIRE(read.left_out.size() == 1);
  CHECK_THAT(read.left_out.front(), Catch::Contains("reject is taken as drop"));
}

TEST_CASE("a conditional return within a chain is left out, and nothing else of it") {
  const Imported read = imported(
      ":a - [0:0]\n-A INPUT -j a\n-A INPUT -p udp -j a\n"
      "-A a -s 10.0.0.1/32 -j RETURN\n-A a -p tcp -j DROP\n");
  CHECK(read.ruleset.at("ingress").at("rules").size() == 1);
  REQUIRE(read.left_out.size() == 1);  // once for both jumps
  CHECK_THAT(read.left_out.front(), Catch::StartsWith("line 8 of IPv4: ") && Catch::Contains("return: "));
}

TEST_CASE("a text of another kind is refused") {
  for (const char* text : {"", "# nothing\n", "table inet filter {\n}\n", "*nat\nCOMMIT\n"}) {
    CAPTURE(text);
    const Texts texts{text};
    CHECK_THROWS_AS(import_texts(texts), Error);
  }
}

}  // namespace nicsentry::iptables_import_test
