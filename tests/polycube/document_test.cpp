// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/document.h"

#include <catch2/catch.hpp>
#include <vector>

#include "host/base/error.h"

using namespace nicsentry;
using namespace nicsentry::polycube;
using Json = nlohmann::ordered_json;

namespace {

const Json kFirewall = Json::parse(R"({
  "name": "fw",
  "chain": [{"name": "ingress", "default": "forward", "rule": [{"id": 0, "src": "10.0.0.1/32", "action": "drop"},
                                                               {"id": 1, "action": "forward"}]}],
  "session-table": [{"src": "10.0.0.1", "dst": "10.0.0.2", "l4proto": "TCP", "sport": 1, "dport": 80, "state": "NEW"}],
  "nothing": []})");

Json part(const std::vector<std::string>& path) { return part_of(kFirewall, path); }

}  // namespace

TEST_CASE("a part of a document is found by names and by the keys of lists", "[polycube]") {
  CHECK(part({}) == kFirewall);
  CHECK(part({"chain", "INGRESS", "default"}) == "forward");
  CHECK(part({"chain", "ingress", "rule", "1"}) == Json::parse(R"({"id": 1, "action": "forward"})"));
  CHECK(part({"chain", "ingress", "rule", "0", "src"}) == "10.0.0.1/32");
  CHECK(part({"session-table", "10.0.0.1", "10.0.0.2", "TCP", "1", "80", "state"}) == "NEW");
  CHECK_THROWS_AS(part({"chain", "egress"}), NotFound);
  CHECK_THROWS_AS(part({"chain", "ingress", "rule", "2"}), NotFound);
  CHECK_THROWS_AS(part({"session-table", "10.0.0.1"}), NotFound);
  CHECK_THROWS_AS(part({"name", "more"}), NotFound);
  CHECK_THROWS_AS(part({"nothing", "0"}), NotFound);
}

TEST_CASE("an object has its links as a member, a list behind its elements", "[polycube]") {
  const Json object = with_links(Json::parse(R"({"id": 1, "action": "drop"})"), "//h:1/rule/1");
  CHECK(object == Json::parse(R"({"id": 1, "action": "drop", "_links": [
    {"rel": "self", "href": "//h:1/rule/1/"}, {"rel": "id", "href": "//h:1/rule/1/id/"},
    {"rel": "action", "href": "//h:1/rule/1/action/"}]})"));
  const Json list = with_links(part({"chain", "ingress", "rule"}), "//h:1/rule");
  REQUIRE(list.size() == 3);
  CHECK(list[0] == part({"chain", "ingress", "rule", "0"}));
  CHECK(list[2] == Json::parse(R"(["_links", [{"rel": "self", "href": "//h:1/rule/"},
    {"rel": 0, "href": "//h:1/rule/0/"}, {"rel": 1, "href": "//h:1/rule/1/"}]])"));
  const Json sessions = with_links(part({"session-table"}), "//h:1/session-table");
  CHECK(sessions.back()[1][1]["href"] == "//h:1/session-table/10.0.0.1/10.0.0.2/TCP/1/80/");
}

TEST_CASE("a single value and an empty list have no links", "[polycube]") {
  CHECK(with_links("forward", "//h:1/default") == "forward");
  CHECK(with_links(Json::array(), "//h:1/session-table") == Json::array());
}
