// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/rule_operations.h"

#include <catch2/catch.hpp>

#include "host/base/error.h"

using namespace nicsentry;
using namespace nicsentry::polycube;
using nlohmann::json;

TEST_CASE("append takes no notice of an id, and delete with an id of anything else", "[polycube]") {
  const json operations = batch_operations(json::parse(R"({"rules": [
    {"operation": "append", "id": 7, "action": "drop"},
    {"operation": "DELETE", "id": 2, "action": "drop"},
    {"operation": "delete", "action": "drop"},
    {"operation": "insert", "id": 0, "action": "drop"}]})"));
  CHECK(operations == json::parse(R"([
    {"operation": "append", "action": "drop"},
    {"operation": "delete", "id": 2},
    {"operation": "delete", "action": "drop"},
    {"operation": "insert", "id": 0, "action": "drop"}])"));
}

TEST_CASE("a body that is no batch is refused", "[polycube]") {
  for (const char* body : {"{}", "[]", R"({"rules": {}})", R"({"rules": [], "more": 1})"}) {
    CHECK_THROWS_AS(batch_operations(json::parse(body)), BadRequest);
  }
}

TEST_CASE("an insertion without an id is at the beginning", "[polycube]") {
  CHECK(one_operation("insert", {{"action", "drop"}}) ==
        json({{"operation", "insert"}, {"id", 0}, {"action", "drop"}}));
  CHECK(one_operation("insert", {{"id", 3U}})["id"] == 3);
  CHECK_THROWS_AS(one_operation("insert", {{"id", "x"}}), BadRequest);
  CHECK_THROWS_AS(one_operation("append", json::array()), BadRequest);
}

TEST_CASE("a rule with a place takes the place of the one that is there, or comes behind the last", "[polycube]") {
  const json operations = placed_rules(json::parse(R"([{"id": 1, "action": "drop"}, {"id": 2, "src": "10.0.0.1"},
                                                       {"id": 3, "action": "log"}])"),
                                       2);
  CHECK(operations == json::parse(R"([{"operation": "update", "id": 1, "action": "drop"},
                                      {"operation": "append", "src": "10.0.0.1"},
                                      {"operation": "append", "action": "log"}])"));
  CHECK_THROWS_AS(placed_rules(json::parse(R"([{"action": "drop"}])"), 0), BadRequest);
  CHECK_THROWS_AS(placed_rules(json::parse(R"([{"id": -1}])"), 0), BadRequest);
}

TEST_CASE("all rules are removed from the last to the first", "[polycube]") {
  CHECK(all_removed(2) == json::parse(R"([{"operation": "delete", "id": 1}, {"operation": "delete", "id": 0}])"));
}

TEST_CASE("the default of a chain is drop or forward, in either case", "[polycube]") {
  CHECK(parse_default("DROP") == RuleAction::drop);
  CHECK(parse_default("forward") == RuleAction::accept);
  CHECK(parse_default("Accept") == RuleAction::accept);
  CHECK_THROWS_AS(parse_default("LOG"), BadRequest);
  CHECK_THROWS_AS(parse_default(""), BadRequest);
}
