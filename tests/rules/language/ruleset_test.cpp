// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/rules/language/batch.h"
#include "host/rules/language/ruleset.h"
#include "host/rules/language/ruleset_change.h"
#include "host/rules/language/ruleset_text.h"

namespace nicsentry::ruleset_test {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Texts = std::vector<std::string>;

constexpr TimestampNs kNow = 1'700'000'000'000'000'000;
constexpr TimestampNs kMinute = 60'000'000'000;

Ruleset ruleset(const std::string& text, TimestampNs now = kNow) {
  return parse_ruleset(json::parse(text), Chain::ingress, now);
}

Texts errors_of(const std::string& text) {
  try {
    ruleset(text);
  } catch (const BatchError& error) {
    return error.errors();
  }
  return {};
}

ChainChange change(const ChainRules& now, const std::string& text, TimestampNs at = kNow) {
  return replace_chain(now, *ruleset(text, at).of(Chain::ingress), at);
}

ChainRules in_force(const std::string& text) {
  ChainRules chain = change({}, text).next;
  std::uint32_t counter = 100;
  for (Rule& rule : chain.rules) rule.counter = counter++;
  return chain;
}

std::vector<std::uint32_t> counters(const ChainRules& chain) {
  std::vector<std::uint32_t> found;
  for (const Rule& rule : chain.rules) found.push_back(rule.counter);
  return found;
}

Texts difference_texts(const ChainRules& now, const std::string& text, TimestampNs at = kNow) {
  Texts texts;
  for (const auto& one : differences(Chain::ingress, now, change(now, text, at), at)) {
    texts.push_back(difference_text(one));
  }
  return texts;
}

constexpr const char* kThree =
    R"({"rules": [{"dport": 1, "action": "drop"}, {"dport": 2, "action": "accept", "description": "two"},)"
    R"( {"src": ["10.0.0.0/8", "@bad"], "action": "count"}]})";

}  // namespace

TEST_CASE("a ruleset names chains, settings and sets; what it does not name stays") {
  const Ruleset read =
      ruleset(R"({"version": 2, "ingress": {"default": "drop", "accept_established": false, "unjudged": "pass",)"
              R"( "non_ip": ["ARP"], "rules": [{"dport": 22, "action": "accept"}]},)"
              R"( "sets": {"office": ["192.0.2.0/24", {"range": "192.0.2.1", "expires": "1m"}]}})");
  REQUIRE(read.of(Chain::ingress));
  CHECK_FALSE(read.of(Chain::egress));
  REQUIRE(read.sets.size() == 1);
  CHECK(read.sets[0].name == "office");
  CHECK_FALSE(read.sets[0].entries.at(0).expires_ns);
  CHECK(read.sets[0].entries.at(1).expires_ns == kNow + kMinute);
  const ChainRules chain = replace_chain({}, *read.of(Chain::ingress), kNow).next;
  CHECK(chain.default_action == RuleAction::drop);
  CHECK_FALSE(chain.accept_established);
  CHECK_FALSE(chain.drop_unjudged);
  CHECK(chain.non_ip == std::vector<std::uint16_t>{0x0806});
  CHECK(change(chain, R"({"rules": []})").next.default_action == RuleAction::drop);
  CHECK(change(chain, R"({"rules": []})").next.non_ip == chain.non_ip);
  CHECK(change(chain, R"({"rules": [], "default": "accept"})").next.default_action == RuleAction::accept);
  CHECK(parse_ruleset(json::parse(R"({"rules": []})"), Chain::egress, kNow).of(Chain::egress));
}

TEST_CASE("each error of a ruleset names the place, what was read and what is allowed") {
  CHECK(errors_of(R"({"ingress": {"rules": [{"dport": 1}, {"lenght": 3, "dport": "x"}], "policy": "drop"}})").size() ==
        3);
  CHECK(errors_of(R"({"ingress": {"rules": [{"dport": 1}, {"lenght": 3}]}})")
            .at(0)
            .starts_with("ingress.rules[1].lenght: unknown field, allowed are in, out, src, "));
  CHECK(errors_of(R"({"egress": {"rules": [{"dport": "x"}]}})")
            .at(0)
            .starts_with("egress.rules[0].dport: read \"x\", allowed is a port"));
  CHECK(errors_of(R"({"ingress": {"rules": [], "policy": "drop"}})") ==
        Texts{"ingress.policy: unknown field, allowed are default, accept_established, unjudged, non_ip, rules"});
  CHECK(errors_of(R"({"rules": [], "default": "reject"})") ==
        Texts{"default: read \"reject\", allowed is drop or accept"});
  CHECK(errors_of(R"({"ingress": {"rules": [], "unjudged": 1}})") ==
        Texts{"ingress.unjudged: read 1, allowed is drop or pass"});
  CHECK(errors_of(R"({"ingress": {}})") == Texts{"ingress.rules: missing, allowed is a list of rules ([]: none)"});
  CHECK(errors_of(R"({"ingres": {"rules": []}, "sets": {}})") ==
        Texts{"ingres: unknown field, allowed are version, ingress, egress, sets; did you mean 'ingress'?"});
  CHECK(errors_of(R"({"version": 3, "sets": {}})") == Texts{"version: read 3, allowed is 1 to 2"});
  CHECK(errors_of("[]").size() == 1);
  CHECK(errors_of("{}").size() == 1);
  CHECK(errors_of(R"({"sets": {"a b": [], "ok": ["10.0.0.300", 5, {"range": "10.0.0.1", "for": "1m"}]}})").size() == 4);
  CHECK(errors_of(R"({"sets": {"ok": [{"range": "10.0.0.1", "for": "1m"}]}})") ==
        Texts{"sets.ok[0].for: unknown field, allowed are range, expires, expires_ns"});
  CHECK(errors_of(R"({"rules": [{"expires_ns": "soon"}]})") ==
        Texts{"rules[0].expires_ns: read \"soon\", allowed is nanoseconds since 1970"});
  for (const std::string wrong : {"9223372036854775808", "18446744073709551615", "-1", "0", "1.5"}) {
    CHECK(errors_of(R"({"rules": [{"expires_ns": )" + wrong + "}]}") ==
          Texts{"rules[0].expires_ns: read " + wrong + ", allowed is nanoseconds since 1970"});
  }
}

TEST_CASE("a batch is no ruleset, and a ruleset no batch; each error names the command for it") {
  CHECK(errors_of(R"({"ingress": {"rules": [{"dport": 1}, {"operation": "append", "dport": 2}]}})") ==
        Texts{"ingress.rules[1].operation: entries with an operation are a batch, which 'nicsentry rules apply' takes; "
              "a ruleset has none"});
  const auto refused = [](const std::string& text) {
    try {
      parse_batch(json::parse(text), kNow);
    } catch (const BatchError& error) {
      return error.errors().back().find("'nicsentry rules load'") != std::string::npos;
    }
    return false;
  };
  CHECK(refused(R"({"rules": [{"dport": 1}]})"));
  CHECK(refused(R"({"rules": [], "default": "drop"})"));
  CHECK(refused(R"({"ingress": {"rules": []}})"));
  CHECK_FALSE(refused(R"({"rules": [{"operation": "append", "dport": 1}, {"dport": 2}]})"));
  CHECK_FALSE(refused(R"({"rules": []})"));
  CHECK_FALSE(is_ruleset(json::parse(R"({"ingress": {"rules": [{"operation": "append"}]}})")));
}

TEST_CASE("rules may name sets that are there or in the ruleset") {
  const Ruleset read = ruleset(R"({"ingress": {"rules": [{"src": "@a"}, {"dst": "!@b"}]}, "sets": {"a": []}})");
  CHECK_NOTHROW(check_set_names(read, {"b"}));
  CHECK_THROWS_WITH(check_set_names(read, {"c"}),
                    "ingress.rules[1].dst: read \"@b\", allowed is a set that exists (\"@c\", \"@a\")");
}

TEST_CASE("a rule that stays keeps its counter; loading again doubles nothing") {
  const ChainRules now = in_force(kThree);
  CHECK(counters(change(now, kThree).next) == std::vector<std::uint32_t>{100, 101, 102});
  CHECK(difference_texts(now, kThree).empty());
  // Another order, another description, and a list in another order.
  const ChainRules next =
      change(now,
             R"({"rules": [{"src": ["@bad", "10.0.0.0/8"], "action": "count"}, {"dport": 9, "action": "drop"},)"
             R"( {"dport": "2", "action": "forward", "description": "another"}, {"dport": 1, "action": "accept"}]})")
          .next;
  CHECK(counters(next) == std::vector<std::uint32_t>{102, 0, 101, 0});
  CHECK(next.rules[2].description == "another");
  // Each of equal rules stays once.
  const ChainRules twice = change(now, R"({"rules": [{"dport": 1}, {"dport": 1}]})").next;
  CHECK(counters(twice) == std::vector<std::uint32_t>{100, 0});
}

TEST_CASE("a rule that stays keeps its remaining life, unless it is given another one") {
  const char* const text = R"({"rules": [{"dport": 1, "expires": "10m"}]})";
  const ChainRules now = in_force(text);
  const TimestampNs later = kNow + kMinute;
  CHECK(change(now, text, later).next.rules.at(0).expires_ns == kNow + 10 * kMinute);
  CHECK(difference_texts(now, text, later).empty());
  const ChainRules longer = change(now, R"({"rules": [{"dport": 1, "expires": "20m"}]})", later).next;
  CHECK(longer.rules.at(0).expires_ns == later + 20 * kMinute);
  CHECK(counters(longer) == std::vector<std::uint32_t>{100});
  const ChainRules lasting = change(now, R"({"rules": [{"dport": 1}]})", later).next;
  CHECK_FALSE(lasting.rules.at(0).expires_ns);
  CHECK(counters(lasting) == std::vector<std::uint32_t>{100});
  // When it ends is exact, and counts beside the time that was left.
  const std::string end = std::to_string(kNow + 10 * kMinute);
  for (const std::string left : {"", R"("expires": "1s", )", R"("expires": "0s", )"}) {
    const std::string exact = R"({"rules": [{"dport": 1, )" + left + R"("expires_ns": )" + end + "}]}";
    CHECK(change(now, exact, later).next.rules.at(0).expires_ns == kNow + 10 * kMinute);
    CHECK(difference_texts(now, exact, later).empty());
    CHECK(change(now, exact, kNow + 11 * kMinute).next.rules.empty());
  }
}

TEST_CASE("what is written is read as the same ruleset, also with what is counted beside it") {
  ChainRules chain = in_force(
      R"({"default": "drop", "unjudged": "pass", "non_ip": ["ARP"], "rules": [{"in": "eth0", "src": "!10.0.0.1",)"
      R"( "l4proto": "TCP", "dport": "80-90", "tcpflags": "SYN,!ACK", "description": "x", "expires": 0.5}]})");
  ordered_json written = ruleset_json(chain);
  CHECK(written.at("rules").at(0).at("expires") == 0.5);
  CHECK(difference_texts(chain, written.dump()).empty());
  CHECK(difference_texts(chain, ruleset_text(json{{"ingress", json::parse(written.dump())}})).empty());
  CHECK(difference_texts(chain,
                         ruleset_text(json{{"ingress", json::parse(written.dump())}, {"sets", {{"a", {"10.0.0.1"}}}}}))
            .empty());
  written["text"] = "Ingress rules:";
  written["counters"] = {{"dropped", {{"packets", 1}}}};
  written["tables"] = ordered_json::object();
  written["rules"][0].update({{"id", 0}, {"packets", 3}, {"bytes", 180}});
  CHECK(difference_texts(chain, written.dump()).empty());
  CHECK(parse_ruleset(named_chain(json::parse(R"({"rules": [], "version": 2})"), Chain::egress), Chain::ingress, kNow)
            .of(Chain::egress));
  CHECK_THROWS(named_chain(json::parse(R"({"ingress": {"rules": []}})"), Chain::egress));
}

TEST_CASE("a difference names what is added, removed, moved and changed, and settings") {
  const ChainRules now = in_force(kThree);
  CHECK(difference_texts(now, R"({"default": "drop", "rules": [{"src": ["10.0.0.0/8", "@bad"], "action": "count"},)"
                              R"( {"dport": 7}, {"dport": 2, "action": "accept", "description": "2"}]})") ==
        Texts{"~ ingress default \"accept\" -> \"drop\"", "- ingress 0 {\"dport\": 1, \"action\": \"drop\"}",
              "> ingress 2 -> 0 {\"src\": [\"10.0.0.0/8\", \"@bad\"], \"action\": \"count\"}",
              "+ ingress 1 {\"dport\": 7, \"action\": \"drop\"}",
              "~ ingress 2 {\"dport\": 2, \"action\": \"forward\", \"description\": \"two\"} -> "
              "{\"dport\": 2, \"action\": \"forward\", \"description\": \"2\"}"});
}

}  // namespace nicsentry::ruleset_test
