// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/rule_equality.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "host/rules/language/rule_text.h"

namespace nicsentry::rule_equality_test {
namespace {

std::string key_of(const std::string& fields) {
  RuleErrors errors;
  const Rule rule = parse_rule(nlohmann::json::parse(fields), 0, errors);
  REQUIRE(errors.empty());
  return rule_key(rule);
}

}  // namespace

TEST_CASE("rules are the same in any order of a list, whatever their description and end") {
  CHECK(key_of(R"({"src": ["10.0.0.1", "@office", "!@guests"], "in": ["eth0", "eth1"], "dport": "80,22"})") ==
        key_of(R"({"src": ["@office", "10.0.0.1", "!@guests"], "in": ["eth1", "eth0"], "dport": [22, 80],
                   "description": "another", "expires": "1h"})"));
  CHECK(key_of(R"({"action": "accept", "log": true})") == key_of(R"({"action": "log"})"));
}

TEST_CASE("rules that differ in one field are not the same") {
  std::set<std::string> keys;
  const char* const different[] = {
      "{}",
      R"({"in": "eth0"})",
      R"({"out": "eth0"})",
      R"({"src": "10.0.0.1"})",
      R"({"src": "!10.0.0.1"})",
      R"({"dst": "10.0.0.1"})",
      R"({"l4proto": "TCP"})",
      R"({"l4proto": "TCP,UDP"})",
      R"({"sport": 22})",
      R"({"dport": 22})",
      R"({"dport": "22-23"})",
      R"({"tcpflags": "SYN"})",
      R"({"conntrack": "NEW"})",
      R"({"action": "accept"})",
      R"({"action": "count"})",
      R"({"action": "log"})",
      R"({"log": true})",
      R"({"log": {"every": 100}})",
      R"({"action": "log", "log": {"every": 100}})",
      R"({"action": "limit", "rate": "100/s"})",
      R"({"action": "limit", "rate": "100/m"})",
      R"({"action": "limit", "rate": "100/s", "burst": 10})",
      R"({"action": "limit", "rate": "100/s", "per": "source"})",
      R"({"action": "limit", "rate": "100/s", "per": "source/56"})",
      R"({"action": "limit", "rate": "100kbit/s"})",
  };
  for (const char* fields : different) {
    INFO(fields);
    CHECK(keys.insert(key_of(fields)).second);
  }
}

}  // namespace nicsentry::rule_equality_test
