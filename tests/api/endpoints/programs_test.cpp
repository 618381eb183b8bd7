// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/programs.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "host/api/json/resources.h"
#include "host/api/server/problem.h"
#include "tests/api/http_test_client.h"

namespace nicsentry::programs_endpoints_test {

using nlohmann::json;

struct Answer {
  unsigned status = 0;
  json body;
  Lane lane = Lane::quick;
};

// The endpoints of a run with the port lo, on a machine on which nothing was ever loaded.
class Api {
 public:
  Api() {
    setenv("NICSENTRY_PIN_DIR", (directory_.path() / "pins").c_str(), 1);
    add_programs_routes(router_, {[] { return std::vector<std::string>{"lo"}; },
                                  [this](const std::string& what) { changes.push_back(what); }});
  }
  ~Api() { unsetenv("NICSENTRY_PIN_DIR"); }

  Answer ask(const std::string& method, const std::string& path, const json& body = json::object(),
             const std::map<std::string, std::string>& query = {}) const {
    Response refusal;
    const auto match = router_.find(method, path, refusal);
    if (!match) {
      return {refusal.status, json::parse(refusal.body)};
    }
    const Request request{method, path, match->captures, body, query};
    try {
      if (match->raw != nullptr) {
        return {200, json::parse((*match->raw)(request).body), match->lane};
      }
      return {200, (*match->handler)(request), match->lane};
    } catch (const std::exception& error) {
      const Response response = problem(error);
      return {response.status, json::parse(response.body), match->lane};
    }
  }

  std::vector<std::string> changes;

 private:
  TestDirectory directory_;
  Router router_;
};

json load_of(const std::string& name, const std::string& interface) {
  return {{"name", name},
          {"interface", interface},
          {"paths", {{{"path", "ingress"}, {"name", "x"}, {"kind", "tc"}, {"object", "bm8gRUxG"}}}}};
}

TEST_CASE("programs: none is loaded where none ever was; each resource takes the slow lane") {
  const Api api;
  const Answer list = api.ask("GET", resource::kPrograms);
  CHECK(list.status == 200);
  CHECK(list.body == json{{"programs", json::array()}});
  CHECK(list.lane == Lane::slow);
  for (const auto& [method, path] :
       {std::pair("GET", "/api/v1/programs/mine"), std::pair("DELETE", "/api/v1/programs/mine"),
        std::pair("GET", "/api/v1/programs/mine/metrics"), std::pair("GET", "/api/v1/programs/..%2Fmine"),
        std::pair("GET", "/api/v1/programs/a%00b/metrics")}) {
    INFO(method << " " << path);
    const Answer answer = api.ask(method, path);
    CHECK(answer.status == 404);
    CHECK(answer.body.at("type") == "about:blank");
    CHECK_THAT(answer.body.at("detail").get<std::string>(), Catch::StartsWith("no program is loaded as "));
    CHECK(answer.lane == Lane::slow);
  }
}

TEST_CASE("programs: loading is refused by what is wrong: the request, the port, or the program") {
  const Api api;
  CHECK(api.ask("POST", resource::kPrograms, json::object()).status == 400);
  const Answer name = api.ask("POST", resource::kPrograms, load_of("../mine", "lo"));
  CHECK(name.status == 400);
  CHECK_THAT(name.body.at("detail").get<std::string>(), Catch::Contains("1 to 64 letters, digits, - and _"));
  const Answer port = api.ask("POST", resource::kPrograms, load_of("mine", "eth9"));
  CHECK(port.status == 409);
  CHECK(port.body.at("detail") == "interface: eth9 is not a port of this run");
  const Answer program = api.ask("POST", resource::kPrograms, load_of("mine", "lo"));
  CHECK(program.status == 400);
  CHECK_THAT(program.body.at("detail").get<std::string>(),
             Catch::StartsWith("x: it cannot be opened as a compiled program"));
  CHECK(program.lane == Lane::slow);
  CHECK(api.changes.empty());
}

TEST_CASE("programs: a query that is not known is refused before anything is looked for") {
  const Api api;
  const Answer answer = api.ask("GET", "/api/v1/programs/mine/metrics", json::object(), {{"format", "xml"}});
  CHECK(answer.status == 400);
  CHECK(answer.body.at("detail") == "format: read \"xml\", allowed is json, openmetrics or table");
  CHECK(api.ask("DELETE", "/api/v1/programs/mine", {{"force", true}}).status == 400);
}

}  // namespace nicsentry::programs_endpoints_test
