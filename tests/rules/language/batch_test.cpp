// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "host/rules/language/batch.h"
#include "host/rules/language/rule_text.h"
#include "tests/support/tries.h"

namespace nicsentry::firewall_batch_test {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;

constexpr TimestampNs kNow = 1'700'000'000'000'000'000;
const Texts kSets{"blocked", "allow"};

// The example in the README of the earlier system, unchanged.
const char* const kEarlierBatch = R"({
	"rules": [
		{"operation": "insert", "id": 0, "l4proto":"TCP", "src":"10.0.0.100/32", "dst":"10.0.0.150/24", "action":"drop"},
		{"operation": "append", "l4proto": "ICMP", "src":"10.0.0.50/32", "dst":"10.0.0.75/24", "action":"drop"},
		{"operation": "append", "l4proto": "ICMP", "src":"10.0.0.11/32", "dst":"10.0.0.12/24", "action":"drop"},
		{"operation": "update", "id": 0, "l4proto":"TCP", "src":"10.0.0.100/32", "dst":"10.0.0.75/24", "action":"forward"},
		{"operation": "delete", "id": 0},
		{"operation": "delete", "l4proto":"ICMP", "src":"10.0.0.50/32", "dst":"10.0.0.75/24", "action":"drop"}
	]
})";

json batch_of(const std::string& operations) { return json::parse("{\"rules\": [" + operations + "]}"); }

ChainRules apply_json(const ChainRules& chain, const json& batch) {
  return apply_batch(chain, parse_batch(batch, kNow), kSets);
}

ChainRules apply(const ChainRules& chain, const std::string& operations) {
  return apply_json(chain, batch_of(operations));
}

Texts errors_of_json(const ChainRules& chain, const json& batch) {
  try {
    apply_json(chain, batch);
  } catch (const BatchError& error) {
    return error.errors();
  }
  return {};
}

Texts errors_of(const ChainRules& chain, const std::string& operations) {
  return errors_of_json(chain, batch_of(operations));
}

// Makes rules with destination ports 1, 2, ... as their identity. The counter of each is its port + 100.
ChainRules chain_of(std::uint16_t count) {
  ChainRules chain;
  for (std::uint16_t port = 1; port <= count; ++port) {
    Rule rule;
    rule.match.destination_ports = {PortRange{port, port}};
    rule.counter = 100U + port;
    chain.rules.push_back(rule);
  }
  return chain;
}

std::vector<int> ports(const ChainRules& chain) {
  std::vector<int> ports;
  for (const Rule& rule : chain.rules) {
    ports.push_back(rule.match.destination_ports.empty() ? -1 : rule.match.destination_ports.front().first);
  }
  return ports;
}

std::vector<std::uint32_t> counters(const ChainRules& chain) {
  std::vector<std::uint32_t> counters;
  for (const Rule& rule : chain.rules) counters.push_back(rule.counter);
  return counters;
}

using Ports = std::vector<int>;
using Counters = std::vector<std::uint32_t>;

// Changes JSON documents at random places.
class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  json value() {
    static const Texts kValues = {"null",
                                  "true",
                                  "0",
                                  "1",
                                  "5",
                                  "-1",
                                  "65536",
                                  "1e300",
                                  "18446744073709551615",
                                  "80.5",
                                  "\"\"",
                                  "\"TCP\"",
                                  "\"delete\"",
                                  "\"insert\"",
                                  "\"append\"",
                                  "\"update\"",
                                  "\"80-90\"",
                                  "\"10.0.0.1\"",
                                  "\"@blocked\"",
                                  "\"!@nobody\"",
                                  "\"!::1\"",
                                  "\"SYN,!ACK\"",
                                  "\"10m\"",
                                  "\"\\u0000\"",
                                  "[]",
                                  "{}",
                                  "[[[]]]",
                                  "[\"10.0.0.0/8\", \"!@allow\"]",
                                  "{\"operation\": \"append\", \"dport\": 7}",
                                  "{\"operation\": \"delete\", \"id\": 0}"};
    return json::parse(kValues[random_() % kValues.size()]);
  }

  void mutate(json& document) {
    json* node = &document;
    while (node->is_structured() && !node->empty() && random_() % 8 != 0) {
      auto item = node->begin();
      std::advance(item, static_cast<std::ptrdiff_t>(random_() % node->size()));
      if (random_() % 10 == 0) {
        node->erase(item);
        return;
      }
      node = &*item;
    }
    static const Texts kNames = {"src",    "dst",         "l4proto", "sport", "dport",     "tcpflags", "conntrack",
                                 "action", "description", "expires", "id",    "operation", "rules",    "other"};
    if (node->is_object() && random_() % 4 != 0) {
      (*node)[kNames[random_() % kNames.size()]] = value();
    } else if (node->is_array() && random_() % 4 != 0) {
      node->insert(node->begin() + static_cast<std::ptrdiff_t>(random_() % (node->size() + 1)), value());
    } else {
      *node = value();
    }
  }

  void mutate(std::string& text) {
    for (unsigned i = 0; i <= random_() % 3; ++i) {
      char& byte = text[random_() % text.size()];
      byte = random_() % 2 == 0 ? static_cast<char>(random_()) : text[random_() % text.size()];
    }
  }

 private:
  std::mt19937 random_;
};

struct FuzzCounts {
  int applied = 0;
  int refused = 0;
};

// Applies a batch with any content. It must throw BatchError, or give rules that can be printed and parsed.
void apply_any(const ChainRules& chain, const json& batch, FuzzCounts& counts) {
  ChainRules result;
  try {
    result = apply_json(chain, batch);
  } catch (const BatchError& error) {
    REQUIRE_FALSE(error.errors().empty());
    ++counts.refused;
    return;
  }
  ++counts.applied;
  for (std::size_t id = 0; id < result.rules.size(); ++id) {
    RuleErrors errors;
    const Rule again = parse_rule(json::parse(rule_json(result.rules[id], id, kNow).dump()), kNow, errors);
    REQUIRE(errors.empty());
    REQUIRE(again.match == result.rules[id].match);
  }
}

}  // namespace

TEST_CASE("the example batch of the earlier system leaves the right rule") {
  const ChainRules chain = apply_json(ChainRules{}, json::parse(kEarlierBatch));
  REQUIRE(chain.rules.size() == 1);
  CHECK(chain_text("Ingress", chain, kNow) ==
        "Ingress rules:\n"
        "\t{\"id\": 0, \"src\": \"10.0.0.11/32\", \"dst\": \"10.0.0.0/24\", \"l4proto\": \"ICMP\", \"action\": "
        "\"drop\"}\n"
        "\t{\"id\": 1, \"action\": \"forward\", \"description\": \"Default Policy\"}\n");
}

TEST_CASE("the example batch of the earlier system gives the right rules after each operation") {
  const json whole = json::parse(kEarlierBatch);
  const std::vector<Texts> expected = {
      {"TCP drop 10.0.0.100/32"},
      {"TCP drop 10.0.0.100/32", "ICMP drop 10.0.0.50/32"},
      {"TCP drop 10.0.0.100/32", "ICMP drop 10.0.0.50/32", "ICMP drop 10.0.0.11/32"},
      {"TCP forward 10.0.0.100/32", "ICMP drop 10.0.0.50/32", "ICMP drop 10.0.0.11/32"},
      {"ICMP drop 10.0.0.50/32", "ICMP drop 10.0.0.11/32"},
      {"ICMP drop 10.0.0.11/32"},
  };
  json part = {{"rules", json::array()}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    part["rules"].push_back(whole["rules"][i]);
    Texts rules;
    for (const Rule& rule : apply_json(ChainRules{}, part).rules) {
      const auto fields = rule_json(rule, 0, kNow);
      rules.push_back(fields["l4proto"].get<std::string>() + " " + fields["action"].get<std::string>() + " " +
                      fields["src"].get<std::string>());
      CHECK(fields["dst"] == "10.0.0.0/24");
    }
    CAPTURE(i);
    CHECK(rules == expected[i]);
  }
}

TEST_CASE("insert puts a rule at its id and moves that rule and later ones down") {
  CHECK(ports(apply(chain_of(3), R"({"operation": "insert", "id": 0, "dport": 9})")) == Ports{9, 1, 2, 3});
  CHECK(ports(apply(chain_of(3), R"({"operation": "insert", "id": 1, "dport": 9})")) == Ports{1, 9, 2, 3});
  CHECK(ports(apply(chain_of(3), R"({"operation": "INSERT", "id": 3, "dport": 9})")) == Ports{1, 2, 3, 9});
}

TEST_CASE("append puts a rule at the end") {
  CHECK(ports(apply(chain_of(2), R"({"operation": "append", "dport": 9}, {"operation": "append", "dport": 8})")) ==
        Ports{1, 2, 9, 8});
}

TEST_CASE("update replaces the whole rule at its id and keeps its counters") {
  ChainRules chain = chain_of(3);
  chain.rules[1].description = "old";
  chain.rules[1].expires_ns = kNow + 1;
  const ChainRules changed = apply(chain, R"({"operation": "update", "id": 1, "dport": 9, "action": "log"})");
  CHECK(ports(changed) == Ports{1, 9, 3});
  CHECK(changed.rules[1].action == RuleAction::log);
  CHECK(changed.rules[1].description.empty());
  CHECK_FALSE(changed.rules[1].expires_ns);
  CHECK(counters(changed) == Counters{101, 102, 103});
}

TEST_CASE("rules keep their counters when they move, and new rules have none") {
  const ChainRules changed = apply(chain_of(3), R"({"operation": "insert", "id": 1, "dport": 9},
      {"operation": "delete", "id": 0}, {"operation": "append", "dport": 1}, {"operation": "update", "id": 0, "dport": 7})");
  CHECK(ports(changed) == Ports{7, 2, 3, 1});
  CHECK(counters(changed) == Counters{0, 102, 103, 0});
}

TEST_CASE("delete by id removes a rule and moves later ones up for the next operations") {
  CHECK(ports(apply(chain_of(4), R"({"operation": "delete", "id": 1}, {"operation": "delete", "id": 1})")) ==
        Ports{1, 4});
}

TEST_CASE("delete without an id removes the first rule that equals the given one") {
  ChainRules chain = chain_of(4);
  chain.rules[3] = chain.rules[1];
  CHECK(ports(apply(chain, R"({"operation": "delete", "dport": 2})")) == Ports{1, 3, 2});
  CHECK(ports(apply(chain, R"({"operation": "delete", "dport": "2-2", "action": "DROP"})")) == Ports{1, 3, 2});
}

TEST_CASE("delete by match compares all fields, the action, and the description if one is given") {
  ChainRules chain = chain_of(2);
  chain.rules[0].description = "one";
  CHECK(ports(apply(chain, R"({"operation": "delete", "dport": 1})")) == Ports{2});
  CHECK(ports(apply(chain, R"({"operation": "delete", "dport": 1, "description": "one"})")) == Ports{2});
  for (const char* other : {R"("dport": 1, "description": "two")", R"("dport": 1, "description": "")",
                            R"("dport": 1, "action": "accept")", R"("dport": 1, "l4proto": "TCP")",
                            R"("dport": 1, "src": "10.0.0.1")", R"("sport": 1)", R"("action": "drop")"}) {
    CAPTURE(other);
    CHECK(
        errors_of(chain, R"({"operation": "delete", )" + std::string(other) + "}") ==
        Texts{"rule 1 (delete): no rule in the chain at this point of the batch is exactly this one (a missing action "
              "is drop)"});
  }
}

TEST_CASE("delete by match ignores how an address is written and the order of its terms") {
  const ChainRules chain =
      apply(ChainRules{}, R"({"operation": "append", "src": ["10.0.0.1", "10.0.0.77/24", "@allow", "@blocked"]})");
  CHECK(apply(chain, R"({"operation": "delete", "src": ["@blocked", "10.0.0.0/24", "@allow", "10.0.0.1/32"]})")
            .rules.empty());
  CHECK(errors_of(chain, R"({"operation": "delete", "src": ["@blocked", "10.0.0.0/24", "@allow", "!10.0.0.1/32"]})")
            .size() == 1);
}

TEST_CASE("a rule that matches anything can be deleted by its action") {
  const ChainRules chain = apply(ChainRules{}, R"({"operation": "append", "action": "log"})");
  CHECK(apply(chain, R"({"operation": "delete", "action": "log"})").rules.empty());
  const ChainRules sampled = apply(ChainRules{}, R"({"operation": "append", "log": {"every": 9}})");
  CHECK(apply(sampled, R"({"operation": "delete", "action": "drop", "log": {"every": 9}})").rules.empty());
  CHECK(errors_of(sampled, R"({"operation": "delete", "action": "drop"})").size() == 1);
  CHECK(errors_of(sampled, R"({"operation": "delete", "log": true})").size() == 1);
}

TEST_CASE("a batch without operations changes nothing, and a batch keeps the chain's other properties") {
  ChainRules chain = chain_of(2);
  chain.default_action = RuleAction::drop;
  chain.accept_established = false;
  const ChainRules changed = apply(chain, "");
  CHECK(ports(changed) == Ports{1, 2});
  CHECK(changed.default_action == RuleAction::drop);
  CHECK_FALSE(changed.accept_established);
}

TEST_CASE("an id must be a whole number within the chain at that point of the batch") {
  const std::string allowed = ", allowed is a whole number from 0 to ";
  const std::string point = " at this point of the batch";
  CHECK(errors_of(chain_of(2), R"({"operation": "insert", "dport": 9})") ==
        Texts{"rule 1 (insert): id: missing" + allowed + "2" + point});
  CHECK(errors_of(chain_of(2), R"({"operation": "insert", "id": 3, "dport": 9})") ==
        Texts{"rule 1 (insert): id: read 3" + allowed + "2" + point});
  CHECK(errors_of(chain_of(2), R"({"operation": "update", "id": 2, "dport": 9})") ==
        Texts{"rule 1 (update): id: read 2" + allowed + "1" + point});
  CHECK(errors_of(chain_of(2), R"({"operation": "update", "dport": 9})") ==
        Texts{"rule 1 (update): id: missing" + allowed + "1" + point});
  CHECK(errors_of(chain_of(2), R"({"operation": "delete", "id": 1}, {"operation": "delete", "id": 1})") ==
        Texts{"rule 2 (delete): id: read 1" + allowed + "0" + point});
  CHECK(errors_of(ChainRules{}, R"({"operation": "delete", "id": 0})") ==
        Texts{"rule 1 (delete): id: read 0, but the chain has no rules at this point of the batch"});
  for (const char* id : {"-1", "\"-1\"", "\"\"", "\" 0\"", "\"0 \"", "\"+0\"", "\"0\\n\"", "\"0x1\"", "\"1 0\"",
                         "\"2\"", "\"18446744073709551616\"", "0.0", "null", "[0]", "18446744073709551615"}) {
    CAPTURE(id);
    const Texts errors = errors_of(chain_of(2), R"({"operation": "delete", "id": )" + std::string(id) + "}");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].starts_with("rule 1 (delete): id: read "));
  }
}

TEST_CASE("an id may be a string of digits, like a port") {
  CHECK(ports(apply(chain_of(3),
                    R"({"operation": "delete", "id": "1"}, {"operation": "insert", "id": "0", "dport": "9"},
                                    {"operation": "update", "id": "2", "dport": 8})")) == Ports{9, 1, 8});
}

TEST_CASE("fields without a meaning for their operation are refused") {
  CHECK(errors_of(chain_of(2), R"({"operation": "append", "id": 0, "dport": 9})") ==
        Texts{"rule 1 (append): id: read 0, allowed is no id with append, which adds a rule behind all others"});
  CHECK(errors_of(chain_of(2), R"({"operation": "delete", "id": 0, "dport": 1})") ==
        Texts{"rule 1 (delete): \"dport\": allowed is an id or the fields of a rule, not both"});
  CHECK(errors_of(chain_of(2), R"({"operation": "delete", "dport": 1, "expires": "10m"})") ==
        Texts{"rule 1 (delete): expires: allowed are the other fields of a rule with delete"});
  CHECK(errors_of(chain_of(2), R"({"operation": "delete"})") ==
        Texts{"rule 1 (delete): id: missing, allowed is an id or the fields of the rule to delete"});
}

TEST_CASE("a rule that is moved keeps its counter, and the others move up or down") {
  CHECK(ports(apply(chain_of(4), R"({"operation": "move", "id": 0, "to": 3})")) == Ports{2, 3, 4, 1});
  CHECK(ports(apply(chain_of(4), R"({"operation": "move", "id": "3", "to": "1"})")) == Ports{1, 4, 2, 3});
  CHECK(ports(apply(chain_of(2), R"({"operation": "move", "id": 1, "to": 1})")) == Ports{1, 2});
  CHECK(counters(apply(chain_of(3), R"({"operation": "move", "id": 2, "to": 0})")) ==
        std::vector<std::uint32_t>{103, 101, 102});
  const std::string point = ", allowed is a whole number from 0 to 1 at this point of the batch";
  CHECK(errors_of(chain_of(2), R"({"operation": "move", "id": 2, "to": 5})") ==
        Texts{"rule 1 (move): id: read 2" + point, "rule 1 (move): to: read 5" + point});
  CHECK(errors_of(chain_of(2), R"({"operation": "move", "id": 0})") == Texts{"rule 1 (move): to: missing" + point});
  CHECK(errors_of(chain_of(2), R"({"operation": "move", "id": 0, "to": 1, "dport": 2})") ==
        Texts{"rule 1 (move): \"dport\": allowed with move are id and to"});
}

TEST_CASE("flush removes all rules, and nothing else") {
  ChainRules chain = chain_of(3);
  chain.default_action = RuleAction::drop;
  const ChainRules changed = apply(chain, R"({"operation": "flush"}, {"operation": "append", "dport": 9})");
  CHECK(ports(changed) == Ports{9});
  CHECK(changed.default_action == RuleAction::drop);
  CHECK(errors_of(chain, R"({"operation": "flush", "id": 0})") ==
        Texts{"rule 1 (flush): \"id\": allowed with flush is no other field"});
}

TEST_CASE("the result has what each operation did, with the id of the rule") {
  const BatchResult result = perform_batch(chain_of(4),
                                           parse_batch(batch_of(R"({"operation": "append", "dport": 9},
      {"operation": "insert", "id": 1, "dport": 8}, {"operation": "delete", "dport": 9},
      {"operation": "delete", "id": 0}, {"operation": "update", "id": 2, "dport": 7},
      {"operation": "move", "id": 3, "to": 1}, {"operation": "flush"})"),
                                                       kNow),
                                           kSets);
  std::vector<std::string> seen;
  for (const BatchChange& change : result.changes) {
    seen.push_back(operation_name(change.kind) + std::string(" ") + std::to_string(change.id) +
                   (change.rule ? " dport " + std::to_string(change.rule->match.destination_ports.front().first) : "") +
                   (change.to ? " to " + std::to_string(*change.to) : "") +
                   (change.rule ? "" : " removed " + std::to_string(change.removed)));
  }
  CHECK(seen == Texts{"append 4 dport 9", "insert 1 dport 8", "delete 5 dport 9", "delete 0 dport 1",
                      "update 2 dport 7", "move 3 dport 4 to 1", "flush 0 removed 4"});
  CHECK(result.chain.rules.empty());
}

TEST_CASE("the result has what the first 100 operations did") {
  json batch = {{"rules", json::array()}};
  for (int i = 0; i < 150; ++i) batch["rules"].push_back({{"operation", "append"}, {"dport", i}});
  CHECK(perform_batch({}, parse_batch(batch, kNow), kSets).changes.size() == kChangesReported);
}

TEST_CASE("a rule that was added and stands in the chain already is named beside the other one") {
  const auto twice = [](const ChainRules& chain, const std::string& operations) {
    std::vector<std::pair<std::size_t, std::size_t>> ids;
    for (const TwiceRule& one : perform_batch(chain, parse_batch(batch_of(operations), kNow), kSets).twice) {
      ids.emplace_back(one.id, one.same_as);
    }
    return ids;
  };
  using Ids = std::vector<std::pair<std::size_t, std::size_t>>;
  CHECK(twice(chain_of(3), R"({"operation": "append", "dport": "2-2", "action": "DROP", "description": "again"},
                              {"operation": "append", "dport": 9})") == Ids{{3, 1}});
  CHECK(twice(chain_of(3), R"({"operation": "insert", "id": 0, "dport": 2})") == Ids{{0, 2}});
  CHECK(twice(chain_of(1), R"({"operation": "append", "dport": 9}, {"operation": "append", "dport": 9})") ==
        Ids{{2, 1}});
  CHECK(twice(chain_of(2), R"({"operation": "append", "dport": 2}, {"operation": "delete", "id": 1})").empty());
  CHECK(twice(chain_of(2), R"({"operation": "append", "dport": 2, "action": "accept"})").empty());
  ChainRules doubled = chain_of(1);  // by somebody else
  doubled.rules.push_back(doubled.rules.front());
  CHECK(twice(doubled, R"({"operation": "append", "dport": 9}, {"operation": "move", "id": 0, "to": 1})").empty());
}

TEST_CASE("a missing or unknown operation is an error, and errors of its fields are reported too") {
  CHECK(errors_of(chain_of(1), R"({"dport": 9}, {"operation": "append", "dport": 10})") ==
        Texts{"rule 1: operation: missing, allowed is insert, append, update, delete, move or flush"});
  CHECK(errors_of(chain_of(1), R"({"operation": 5})") ==
        Texts{"rule 1: operation: read 5, allowed is insert, append, update, delete, move or flush"});
  const Texts errors = errors_of(chain_of(1), R"({"operation": "apend", "dport": "x"}, "append")");
  REQUIRE(errors.size() == 3);
  CHECK(errors[0] == "rule 1: operation: read \"apend\", allowed is insert, append, update, delete, move or flush");
  CHECK(errors[1].starts_with("rule 1: dport: read \"x\", "));
  CHECK(errors[2] == "rule 2: read \"append\", allowed is an object with an operation and the fields of a rule");
}

TEST_CASE("a set that does not exist is an error in every field that names it") {
  CHECK(errors_of(ChainRules{}, R"({"operation": "append", "src": ["@allow", "@nobody"], "dst": "!@none"})") ==
        Texts{"rule 1 (append): src: read \"@nobody\", allowed is a set that exists (\"@blocked\", \"@allow\")",
              "rule 1 (append): dst: read \"@none\", allowed is a set that exists (\"@blocked\", \"@allow\")"});
  CHECK_THROWS_WITH(apply_batch({}, parse_batch(batch_of(R"({"operation": "append", "src": "@allow"})"), kNow), {}),
                    "rule 1 (append): src: read \"@allow\", allowed is a set that exists (there is none)");
  CHECK(
      errors_of(ChainRules{}, R"({"operation": "append", "src": "@blocke"})") ==
      Texts{"rule 1 (append): src: read \"@blocke\", allowed is a set that exists (\"@blocked\", \"@allow\"); did you "
            "mean \"@blocked\"?"});
}

TEST_CASE("every error of every rule is reported on a line of its own, and the chain stays unchanged") {
  const ChainRules chain = chain_of(2);
  const std::string operations = R"({"operation": "append", "dport": 70000, "action": "x"},
      {"operation": "append", "dport": 9}, {"operation": "update", "id": 7, "sport": "y"}, {"operation": "jump"})";
  const Texts errors = errors_of(chain, operations);
  REQUIRE(errors.size() == 5);
  CHECK(errors[0] ==
        "rule 1 (append): dport: read 70000, allowed is a port (0 to 65535), a range of ports from the lower to the "
        "higher (\"1000-2000\", \"1000-\"), or a list of these");
  CHECK(errors[1].starts_with("rule 1 (append): action: read \"x\", "));
  CHECK(errors[2].starts_with("rule 3 (update): id: read 7, "));
  CHECK(errors[3].starts_with("rule 3 (update): sport: read \"y\", "));
  CHECK(errors[4].starts_with("rule 4: operation: read \"jump\", "));
  CHECK(ports(chain) == Ports{1, 2});
  std::string lines;
  for (const std::string& error : errors) lines += (lines.empty() ? "" : "\n") + error;
  CHECK_THROWS_WITH(apply(chain, operations), lines);
}

TEST_CASE("an error in one operation causes no errors in later operations") {
  // A refused insert still counts for ids, and can be updated and deleted.
  CHECK(errors_of(ChainRules{}, R"({"operation": "insert", "id": 0, "dport": "x"}, {"operation": "insert", "id": 1},
      {"operation": "update", "id": 1}, {"operation": "delete", "id": 1})")
            .size() == 1);
  CHECK(errors_of(ChainRules{}, R"({"operation": "append", "dport": "x"}, {"operation": "delete", "dport": 80})")
            .size() == 1);
  CHECK(errors_of(ChainRules{}, R"({"operation": "insert", "id": 5}, {"operation": "delete", "id": 0})").size() == 1);
  CHECK(errors_of(ChainRules{}, R"({"operation": "apend"}, {"operation": "delete", "id": 0})").size() == 1);
  CHECK(errors_of(ChainRules{}, R"(5, {"operation": "insert", "id": 1})").size() == 1);
  CHECK(errors_of(chain_of(1), R"({"operation": "update", "id": 0, "dport": "x"}, {"operation": "delete", "dport": 7})")
            .size() == 1);
}

TEST_CASE("a batch is an object with a list of rules, and nothing else") {
  const auto error_of = [](const char* text) { return errors_of_json(chain_of(1), json::parse(text)); };
  CHECK(error_of("[]") == Texts{"batch: read an empty list, allowed is {\"rules\": [...]}"});
  CHECK(error_of("null") == Texts{"batch: read null, allowed is {\"rules\": [...]}"});
  CHECK(error_of("{}") == Texts{"batch: rules: missing, allowed is a list of operations"});
  CHECK(error_of(R"({"rules": {}})") == Texts{"batch: rules: read an object, allowed is a list of operations"});
  CHECK(error_of(R"({"rules": [], "more": 1})") ==
        Texts{"batch: \"more\": unknown field, allowed are rules, unjudged and non_ip"});
}

TEST_CASE("a chain has at most 5000 rules") {
  json batch = {{"rules", json::array()}};
  for (int i = 0; i < 5000; ++i) batch["rules"].push_back({{"operation", "insert"}, {"id", 0}, {"dport", i}});
  const ChainRules full = apply_json(ChainRules{}, batch);
  REQUIRE(full.rules.size() == kRulesMax);
  CHECK(ports(full).front() == 4999);
  CHECK(ports(full).back() == 0);
  CHECK(errors_of(full, R"({"operation": "append"}, {"operation": "append"})") ==
        Texts{"the chain would have 5002 rules, allowed are at most 5000"});
  // The limit applies to the chain after the batch.
  CHECK(apply(full, R"({"operation": "append"}, {"operation": "delete", "id": 0})").rules.size() == kRulesMax);
}

TEST_CASE("a batch has at most 20000 operations") {
  json batch = {{"rules", json::array()}};
  for (int i = 0; i < 10'000; ++i) {
    batch["rules"].push_back({{"operation", "append"}, {"dport", 1}});
    batch["rules"].push_back({{"operation", "delete"}, {"dport", 1}});
  }
  CHECK(apply_json(ChainRules{}, batch).rules.empty());
  batch["rules"].push_back({{"operation", "append"}});
  CHECK(errors_of_json(ChainRules{}, batch) ==
        Texts{"batch: rules: read a list of 20001 operations, allowed are at most 20000"});
}

TEST_CASE("random batches agree with operations on a list of rules") {
  std::mt19937 random(9);
  for (int round = 0; round < 500; ++round) {
    ChainRules chain = chain_of(static_cast<std::uint16_t>(random() % 10));
    Ports expected = ports(chain);
    json batch = {{"rules", json::array()}};
    for (unsigned i = 0; i < random() % 30; ++i) {
      const int port = static_cast<int>(random() % 20) + 1;
      const std::size_t id = random() % (expected.size() + 1);
      const auto at = expected.begin() + static_cast<std::ptrdiff_t>(id);
      json operation = {{"dport", port}};
      switch (random() % 6) {
        case 4:
          if (at == expected.end()) continue;
          {
            const std::size_t to = random() % expected.size();
            operation = {{"operation", "move"}, {"id", id}, {"to", to}};
            const int moved = *at;
            expected.erase(at);
            expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(to), moved);
          }
          break;
        case 5:
          if (random() % 8 != 0) continue;
          operation = {{"operation", "flush"}};
          expected.clear();
          break;
        case 0:
          operation["operation"] = "insert";
          operation["id"] = id;
          expected.insert(at, port);
          break;
        case 1:
          operation["operation"] = "append";
          expected.push_back(port);
          break;
        case 2:
          if (at == expected.end()) continue;
          operation["operation"] = "update";
          operation["id"] = id;
          *at = port;
          break;
        default:
          operation["operation"] = "delete";
          const auto found = std::find(expected.begin(), expected.end(), port);
          if (found == expected.end()) {
            if (at == expected.end()) continue;
            operation = {{"operation", "delete"}, {"id", id}};
            expected.erase(at);
          } else {
            expected.erase(found);
          }
      }
      batch["rules"].push_back(operation);
    }
    CAPTURE(batch.dump());
    REQUIRE(ports(apply_json(chain, batch)) == expected);
  }
}

TEST_CASE("a batch with any JSON content is performed or refused with errors") {
  const json seed = json::parse(kEarlierBatch);
  Mutator mutator(3);
  FuzzCounts counts;
  for (int round = 0; round < testing::tries(30'000); ++round) {
    json batch = seed;
    for (int i = 0; i <= round % 4; ++i) mutator.mutate(batch);
    CAPTURE(batch.dump());
    apply_any(chain_of(3), batch, counts);
  }
  CHECK(counts.applied > testing::tries(1000));
  CHECK(counts.refused > testing::tries(1000));
}

TEST_CASE("a batch with any changed bytes is performed or refused with errors") {
  Mutator mutator(5);
  FuzzCounts counts;
  for (int round = 0; round < testing::tries(30'000); ++round) {
    std::string text = kEarlierBatch;
    mutator.mutate(text);
    const json batch = json::parse(text, nullptr, false);
    if (batch.is_discarded()) continue;
    CAPTURE(text);
    apply_any(chain_of(3), batch, counts);
  }
  CHECK(counts.applied > testing::tries(100));
  CHECK(counts.refused > testing::tries(1000));
}

}  // namespace nicsentry::firewall_batch_test
