// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "host/api/endpoints/connections.h"
#include "host/api/endpoints/explain.h"
#include "host/api/endpoints/rules.h"
#include "host/api/endpoints/ruleset.h"
#include "host/api/endpoints/sets.h"
#include "host/api/endpoints/status.h"
#include "host/api/endpoints/version.h"
#include "host/api/endpoints/windows.h"
#include "host/api/json/resources.h"
#include "host/api/server/problem.h"
#include "host/base/error.h"

using namespace nicsentry;
using nlohmann::json;

namespace {

struct Answer {
  unsigned status = 0;
  json body;
  Lane lane = Lane::quick;
  std::string tag{};  // the header ETag

  std::string detail() const { return body.value("detail", ""); }
};

// The resources of a run, asked without a server. Its firewall has no attachments: nothing of the kernel is needed.
class Api {
 public:
  explicit Api(bool with_firewall = true) {
    if (with_firewall) {
      firewall_ = std::make_unique<Firewall>(Firewall::Options{{}, std::nullopt, [](const std::string&) {}});
    }
    const RunFirewall run{firewall_.get(),
                          [this](Chain chain) -> EnforcingProgram {
                            if (chain == Chain::egress && !egress) {
                              throw Conflict("no program enforces egress");
                            }
                            return {"eth0", 1, Hook::xdp, mode};
                          },
                          [this] { return places; }};
    add_rules_routes(router_, run, "beware");
    add_ruleset_routes(router_, run);
    add_sets_routes(router_, run);
    add_explain_routes(router_, run);
    add_connections_routes(router_, [] { return ConnectionsSnapshot{}; });
    add_windows_routes(router_, [] { return EndedWindow{7, {"/tmp/a"}}; });
    add_status_routes(router_, [run] {
      RunStatus status;
      status.enforced = run.enforced();
      return status;
    });
    add_version_routes(router_, {"0.2.0", "unknown", 2, 1, "1.1"});
  }

  Answer ask(const std::string& method, const std::string& path, const json& body = json::object(),
             const std::optional<std::string>& if_match = {}) const {
    Response refusal;
    const auto match = router_.find(method, path, refusal);
    if (!match) {
      return {refusal.status, json::parse(refusal.body)};
    }
    Request request{method, path, match->captures, body};
    request.if_match = if_match;
    try {
      if (match->raw != nullptr) {
        const Response response = (*match->raw)(request);
        const std::string tag = response.headers.empty() ? "" : response.headers.front().second;
        return {response.status, json::parse(response.body), match->lane, tag};
      }
      return {200, (*match->handler)(request), match->lane};
    } catch (const std::exception& error) {
      const Response response = problem(error);
      return {response.status, json::parse(response.body), match->lane};
    }
  }

  Mode mode = Mode::drv;
  bool egress = true;
  std::vector<Enforcement::EnforcedAt> places = {{Chain::ingress, "eth0/xdp", ""},
                                                 {Chain::egress, "eth0/tc-egress", ""}};

 private:
  std::unique_ptr<Firewall> firewall_;
  Router router_;
};

const json kEverywhere = {{"ingress", {{{"plane", "eth0/xdp"}}}}, {"egress", {{{"plane", "eth0/tc-egress"}}}}};
const json kOneRule = {{"rules", {{{"operation", "append"}, {"src", "@bad"}, {"action", "drop"}}}}};

}  // namespace

TEST_CASE("sets: entries are added, listed, removed and replaced; the set is removed") {
  const Api api;
  const Answer added =
      api.ask("POST", "/api/v1/sets/bad/entries", {{"entries", {"10.0.0.0/8", "192.0.2.1"}}, {"for_s", 600}});
  REQUIRE(added.status == 200);
  CHECK(added.body.at("changed") == 2);
  const json listed = api.ask("GET", "/api/v1/sets/bad").body.at("entries");
  REQUIRE(listed.size() == 2);
  CHECK(listed.at(0).at("range") == "10.0.0.0/8");
  CHECK(listed.at(0).at("expires_s").get<double>() > 590);
  const Answer removed = api.ask("POST", "/api/v1/sets/bad/removals", {{"entries", {"10.1.0.0/16", "192.0.2.1"}}});
  CHECK(removed.body.at("changed") == 1);
  CHECK(removed.body.at("missing") == json{"10.1.0.0/16"});
  CHECK(removed.body.at("staying") == json{{{"range", "10.1.0.0/16"}, {"by", "10.0.0.0/8"}}});
  CHECK(api.ask("PUT", "/api/v1/sets/bad", {{"entries", {"10.0.0.1", "10.0.0.2", "10.0.0.3"}}}).body ==
        json{{"entries", 3}, {"enforced", kEverywhere}});
  CHECK(api.ask("GET", "/api/v1/sets").body == json{{"sets",
                                                     {{{"name", "blocked"}, {"entries", 0}, {"used_by_rules", 0}},
                                                      {{"name", "allowed"}, {"entries", 0}, {"used_by_rules", 0}},
                                                      {{"name", "bad"}, {"entries", 3}, {"used_by_rules", 0}}}}});
  CHECK(api.ask("DELETE", "/api/v1/sets/bad").body == json{{"enforced", kEverywhere}});
  CHECK(api.ask("GET", "/api/v1/sets/bad").status == 404);
}

TEST_CASE("rules: two writers cannot lose each other's change") {
  const Api api;
  const std::string batch = "/api/v1/rules/ingress/batch";
  const std::string seen = api.ask("GET", "/api/v1/rules").tag;
  REQUIRE(seen.size() == 34);
  CHECK(api.ask("GET", "/api/v1/rules").tag == seen);
  const json rule = {{"rules", {{{"operation", "append"}, {"src", "10.0.0.1"}, {"action", "drop"}}}}};
  REQUIRE(api.ask("POST", batch, rule, seen).status == 200);
  const std::string now = api.ask("GET", "/api/v1/rules").tag;
  CHECK(now != seen);
  const Answer late = api.ask("POST", batch, rule, seen);
  CHECK(late.status == 412);
  CHECK_THAT(late.detail(), Catch::Contains("is " + now + " now"));
  CHECK(api.ask("GET", "/api/v1/rules").tag == now);
  CHECK(api.ask("PUT", "/api/v1/rules/egress/default", {{"action", "accept"}}, seen).status == 412);
  CHECK(api.ask("PUT", "/api/v1/rules/ingress/accept-established", {{"on", false}}, seen).status == 412);
  CHECK(api.ask("PUT", "/api/v1/rules/ingress/unjudged", {{"action", "pass"}}, seen).status == 412);
  CHECK(api.ask("PUT", "/api/v1/rules/ingress/non-ip", {{"pass", "all"}}, seen).status == 412);
  CHECK(api.ask("POST", batch, rule, seen + ", " + now).status == 200);
  CHECK(api.ask("POST", batch, rule, "*").status == 200);
  CHECK(api.ask("POST", batch, rule, "no tag").status == 400);
  CHECK(api.ask("POST", batch, rule, "").status == 400);
  CHECK(api.ask("POST", batch, rule, " ,").status == 400);
  CHECK(api.ask("POST", batch, rule, "\"half").status == 400);
  CHECK(api.ask("POST", batch, rule).status == 200);
}

TEST_CASE("sets and rulesets: a change for another content than the present one is refused") {
  const Api api;
  const std::string set = "/api/v1/sets/bad";
  CHECK(api.ask("PUT", set, {{"entries", {"10.0.0.1"}}}, "*").status == 412);
  REQUIRE(api.ask("PUT", set, {{"entries", {"10.0.0.1"}}}).status == 200);
  const std::string seen = api.ask("GET", set).tag;
  const std::string ruleset = api.ask("GET", "/api/v1/ruleset").tag;
  REQUIRE(api.ask("POST", set + "/entries", {{"entries", {"10.0.0.2"}}}, seen).status == 200);
  CHECK(api.ask("POST", set + "/entries", {{"entries", {"10.0.0.3"}}}, seen).status == 412);
  CHECK(api.ask("POST", set + "/removals", {{"entries", {"10.0.0.1"}}}, seen).status == 412);
  CHECK(api.ask("PUT", set, {{"entries", {"10.0.0.4"}}}, seen).status == 412);
  CHECK(api.ask("DELETE", set, json::object(), seen).status == 412);
  CHECK(api.ask("GET", set).body.at("entries").size() == 2);
  const json document = api.ask("GET", "/api/v1/ruleset").body;
  CHECK(api.ask("PUT", "/api/v1/ruleset", document, ruleset).status == 412);
  REQUIRE(api.ask("POST", set + "/removals", {{"entries", {"10.0.0.2"}}}).status == 200);
  CHECK(api.ask("GET", set).tag == seen);  // it says the same again
  CHECK(api.ask("GET", "/api/v1/ruleset").tag == ruleset);
  REQUIRE(api.ask("POST", "/api/v1/sets/blocked/entries", {{"entries", {"192.0.2.1"}}}).status == 200);
  CHECK(api.ask("GET", "/api/v1/ruleset").tag == ruleset);  // it has no built-in sets
  CHECK(api.ask("DELETE", set, json::object(), seen).status == 200);
}

TEST_CASE("sets: a wrong name is 400, an unknown set 404, one that rules use 409; no file is read") {
  const Api api;
  CHECK(api.ask("GET", "/api/v1/sets/..%2F..%2Fetc").status == 400);
  CHECK(api.ask("GET", "/api/v1/sets/blocked%00x").status == 400);
  CHECK(api.ask("POST", "/api/v1/sets/a b/entries", {{"entries", json::array()}}).status == 400);
  for (const char* method : {"GET", "DELETE"}) {
    CHECK(api.ask(method, "/api/v1/sets/nosuch").status == 404);
  }
  CHECK(api.ask("POST", "/api/v1/sets/nosuch/removals", {{"entries", {"10.0.0.1"}}}).status == 404);
  CHECK(api.ask("PUT", "/api/v1/sets/bad", {{"path", "/etc/hostname"}}).status == 400);
  CHECK(api.ask("PUT", "/api/v1/sets/bad", {{"entries", json::array()}, {"path", "/etc/hostname"}}).status == 400);
  REQUIRE(api.ask("PUT", "/api/v1/sets/bad", {{"entries", json::array()}}).status == 200);
  REQUIRE(api.ask("POST", "/api/v1/rules/ingress/batch", kOneRule).status == 200);
  CHECK(api.ask("DELETE", "/api/v1/sets/bad").status == 409);
  CHECK(api.ask("DELETE", "/api/v1/sets/blocked").status == 409);
}

TEST_CASE("ruleset: it is loaded, compared and read; what nothing enforces and batches are refused") {
  Api api;
  const json wanted =
      json::parse(R"({"ingress": {"rules": [{"src": "@bad", "action": "drop"}]}, "sets": {"bad": ["10.0.0.1"]}})");
  CHECK(api.ask("POST", "/api/v1/ruleset/diff", wanted).body.at("differences").size() == 2);
  CHECK(api.ask("PUT", "/api/v1/ruleset", wanted).body ==
        json{{"ingress", {{"rules", 1}, {"kept", 0}, {"removed", 0}, {"changed", true}}},
             {"sets", {{{"name", "bad"}, {"entries", 1}, {"changed", true}}}},
             {"enforced", kEverywhere}});
  CHECK(api.ask("POST", "/api/v1/ruleset/diff", wanted).body == json{{"differences", json::array()}});
  const json read = api.ask("GET", "/api/v1/ruleset").body;
  CHECK(read.at("sets") == json{{"bad", {"10.0.0.1"}}});
  CHECK(api.ask("PUT", "/api/v1/ruleset", read).body.at("ingress").at("changed") == false);
  CHECK(api.ask("PUT", "/api/v1/ruleset", api.ask("GET", "/api/v1/rules").body).body.at("ingress").at("changed") ==
        false);
  const Answer batch = api.ask("PUT", "/api/v1/ruleset", kOneRule);
  CHECK(batch.status == 400);
  CHECK(batch.body.at("errors").at(0).get<std::string>().starts_with("rules[0].operation: "));
  CHECK(api.ask("POST", "/api/v1/rules/ingress/batch", wanted).status == 400);
  api.egress = false;
  const json egress = json::parse(R"({"egress": {"rules": [{"dport": 1}]}})");
  CHECK(api.ask("PUT", "/api/v1/ruleset", egress).status == 409);
  CHECK(api.ask("PUT", "/api/v1/ruleset", read).status == 200);  // its egress chain is empty
  api.places.clear();
  CHECK(api.ask("PUT", "/api/v1/ruleset", wanted).status == 409);
}

TEST_CASE("rules: a batch, a default and accept-established change their chain only") {
  const Api api;
  REQUIRE(api.ask("PUT", "/api/v1/sets/bad", {{"entries", {"10.0.0.1"}}}).status == 200);
  const json added = json::parse(R"([{"operation": "append", "rule": {"id": 0, "src": "@bad", "action": "drop"}}])");
  CHECK(api.ask("POST", "/api/v1/rules/egress/batch", kOneRule).body ==
        json{{"rules", 1},
             {"changes", added},
             {"twice", {{"rules", 0}, {"first", json::array()}}},
             {"enforced", kEverywhere}});
  const json changed{{"enforced", kEverywhere}};
  CHECK(api.ask("PUT", "/api/v1/rules/egress/default", {{"action", "drop"}}).body == changed);
  CHECK(api.ask("PUT", "/api/v1/rules/ingress/default", {{"action", "drop"}}).body ==
        json{{"warning", "beware"}, {"enforced", kEverywhere}});
  CHECK(api.ask("PUT", "/api/v1/rules/ingress/default", {{"action", "accept"}}).body == changed);
  const Answer again = api.ask("POST", "/api/v1/rules/ingress/batch",
                               {{"rules", {{{"operation", "append"}}, {{"operation", "append"}}}}});
  CHECK(again.body.at("twice") == json::parse(R"({"rules": 1, "first": [{"id": 1, "same_as": 0}]})"));
  const Answer flushed = api.ask("POST", "/api/v1/rules/ingress/batch", {{"rules", {{{"operation", "flush"}}}}});
  CHECK(flushed.body.at("changes") == json::parse(R"([{"operation": "flush", "removed": 2}])"));
  CHECK(api.ask("PUT", "/api/v1/rules/egress/accept-established", {{"on", false}}).status == 200);
  CHECK(api.ask("POST", "/api/v1/rules/reset-counters").body == changed);
  const json rules = api.ask("GET", "/api/v1/rules").body;
  CHECK(rules.at("ingress").at("rules").empty());
  CHECK(rules.at("ingress").at("default") == "accept");
  CHECK(rules.at("ingress").at("accept_established") == true);
  CHECK(rules.at("egress").at("rules") ==
        json{{{"id", 0}, {"src", "@bad"}, {"action", "drop"}, {"packets", 0}, {"bytes", 0}}});
  CHECK(rules.at("egress").at("default") == "drop");
  CHECK(rules.at("egress").at("accept_established") == false);
  CHECK_THAT(rules.at("egress").at("text").get<std::string>(), Catch::StartsWith("Egress rules:\n"));
}

TEST_CASE("rules: what is wrong with a batch is 400, each error for itself") {
  const Api api;
  const Answer answer = api.ask("POST", "/api/v1/rules/ingress/batch",
                                {{"rules", {{{"operation", "append"}, {"sport", 70000}}, {{"operation", "replace"}}}}});
  CHECK(answer.status == 400);
  CHECK(answer.body.at("errors").size() == 2);
  for (const json& body : {json::array(), json{{"rules", 1}}, json{{"rule", json::array()}}, json("text")}) {
    INFO(body.dump());
    CHECK(api.ask("POST", "/api/v1/rules/ingress/batch", body).status == 400);
  }
}

TEST_CASE("an unknown chain is refused everywhere") {
  const Api api;
  const std::pair<const char*, const char*> requests[] = {
      {"POST", "batch"}, {"PUT", "default"}, {"PUT", "accept-established"}, {"POST", "explain"}};
  for (const auto& [method, what] : requests) {
    for (const std::string chain : {"egres", "Ingress", "both"}) {
      INFO(method << " " << chain << " " << what);
      const Answer answer = api.ask(method, "/api/v1/rules/" + chain + "/" + what);
      CHECK(answer.status == 400);
      CHECK(answer.detail() == "chain: read \"" + chain + "\", allowed is ingress or egress");
    }
  }
}

TEST_CASE("rules of a chain that no program enforces are a conflict, and nothing is changed") {
  Api api;
  api.egress = false;
  REQUIRE(api.ask("PUT", "/api/v1/sets/bad", {{"entries", json::array()}}).status == 200);
  CHECK(api.ask("POST", "/api/v1/rules/egress/batch", kOneRule).status == 409);
  CHECK(api.ask("PUT", "/api/v1/rules/egress/default", {{"action", "drop"}}).status == 409);
  CHECK(api.ask("PUT", "/api/v1/rules/egress/accept-established", {{"on", false}}).status == 409);
  CHECK(api.ask("POST", "/api/v1/rules/egress/explain", {{"packets", json::array()}}).status == 409);
  const json egress = api.ask("GET", "/api/v1/rules").body.at("egress");
  CHECK(egress.at("rules").empty());
  CHECK(egress.at("default") == "accept");
  CHECK(egress.at("accept_established") == true);
}

TEST_CASE("a change that takes effect nowhere fails; one that takes effect somewhere says where, and where not") {
  Api api;
  api.places = {};
  CHECK(api.ask("POST", "/api/v1/sets/blocked/entries", {{"entries", {"10.0.0.1"}}}).status == 409);
  CHECK(api.ask("PUT", "/api/v1/sets/bad", {{"entries", json::array()}}).status == 409);
  CHECK(api.ask("GET", "/api/v1/sets").body.at("sets").at(0).at("entries") == 0);  // nothing was changed
  api.places = {{Chain::ingress, "eth0/xdp", "EIO"}};
  const Answer failing = api.ask("POST", "/api/v1/sets/blocked/entries", {{"entries", {"10.0.0.1"}}});
  CHECK(failing.status == 409);
  CHECK(failing.detail() == "the change is kept, but takes effect nowhere: eth0/xdp: EIO (it is tried again)");
  const Answer gone = api.ask("PUT", "/api/v1/rules/egress/default", {{"action", "accept"}});
  CHECK(gone.status == 409);
  CHECK_THAT(gone.detail(), Catch::Contains("no program of this run enforces the egress chain any more"));
  api.places = {{Chain::ingress, "eth0/xdp", "EIO"}, {Chain::ingress, "eth1/xdp", ""}};
  const json expected = {{"ingress", {{{"plane", "eth0/xdp"}, {"failing", "EIO"}}, {{"plane", "eth1/xdp"}}}},
                         {"egress", json::array()}};
  CHECK(api.ask("POST", "/api/v1/sets/blocked/entries", {{"entries", {"10.0.0.2"}}}).body.at("enforced") == expected);
  CHECK(api.ask("GET", "/api/v1/rules").body.at("enforced") == expected);
  CHECK(api.ask("GET", "/api/v1/status").body.at("enforced") == expected);
}

TEST_CASE("a run without a firewall says so on every resource of the firewall") {
  const Api api(false);
  const std::tuple<const char*, const char*, json> requests[] = {
      {"GET", "rules", json::object()},
      {"POST", "rules/ingress/batch", kOneRule},
      {"PUT", "rules/ingress/default", {{"action", "drop"}}},
      {"PUT", "rules/egress/accept-established", {{"on", true}}},
      {"POST", "rules/reset-counters", json::object()},
      {"POST", "rules/ingress/explain", {{"packets", json::array()}}},
      {"GET", "sets", json::object()},
      {"GET", "sets/bad", json::object()},
      {"PUT", "sets/bad", {{"entries", json::array()}}},
      {"DELETE", "sets/bad", json::object()},
      {"POST", "sets/bad/entries", {{"entries", json::array()}}},
      {"POST", "sets/bad/removals", {{"entries", json::array()}}}};
  for (const auto& [method, path, body] : requests) {
    INFO(method << " " << path);
    const Answer answer = api.ask(method, std::string("/api/v1/") + path, body);
    CHECK(answer.status == 409);
    CHECK(answer.detail() == "the run has no firewall (start it with: nicsentry run -i PORT --firewall)");
  }
}

TEST_CASE("a program on a card cannot be asked: that is a conflict") {
  Api api;
  api.mode = Mode::hw;
  const Answer answer = api.ask("POST", "/api/v1/rules/ingress/explain", {{"packets", json::array()}});
  CHECK(answer.status == 409);
  CHECK_THAT(answer.detail(), Catch::Contains("rules explain --rules FILE"));
}

TEST_CASE("windows, connections and explain are slow, everything else is quick") {
  const Api api;
  CHECK(api.ask("POST", "/api/v1/windows").lane == Lane::slow);
  CHECK(api.ask("GET", "/api/v1/connections").lane == Lane::slow);
  CHECK(api.ask("POST", "/api/v1/rules/ingress/explain").lane == Lane::slow);
  CHECK(api.ask("GET", "/api/v1/version").lane == Lane::quick);
  CHECK(api.ask("GET", "/api/v1/rules").lane == Lane::quick);
  CHECK(api.ask("POST", "/api/v1/sets/blocked/entries", {{"entries", json::array()}}).lane == Lane::quick);
  CHECK(api.ask("POST", "/api/v1/windows").body == json{{"window", 7}, {"files", {"/tmp/a"}}});
  CHECK(api.ask("POST", "/api/v1/windows", {{"file", "/tmp/b"}}).status == 400);
  CHECK(api.ask("GET", "/api/v1/windows").status == 405);
  CHECK(api.ask("GET", "/api/v1/version").body.at("program_abi") == 2);
}
