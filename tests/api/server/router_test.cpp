// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/router.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "host/api/json/problem_json.h"
#include "host/api/json/resources.h"
#include "host/api/server/problem.h"
#include "host/base/error.h"
#include "host/rules/language/batch.h"

using namespace nicsentry;
using nlohmann::json;

namespace {

Handler named(const std::string& name) {
  return [name](const Request&) { return nlohmann::ordered_json{{"handler", name}}; };
}

Router small_router() {
  Router router;
  router.add("GET", "/v1/sets", Lane::quick, named("list"));
  router.add("GET", "/v1/sets/{name}", Lane::quick, named("entries"));
  router.add("DELETE", "/v1/sets/{name}", Lane::quick, named("remove"));
  router.add("POST", "/v1/rules/{chain}/explain", Lane::slow, named("explain"));
  return router;
}

std::string handler_of(const Router::Match& match) { return (*match.handler)({}).at("handler").get<std::string>(); }

Problem problem_of(const Response& response) { return decode<Problem>(json::parse(response.body)); }

}  // namespace

TEST_CASE("a route is found by method and path, with its variable parts") {
  const Router router = small_router();
  Response refusal;
  const auto list = router.find("GET", "/v1/sets", refusal);
  REQUIRE(list);
  CHECK(handler_of(*list) == "list");
  CHECK(list->captures.empty());
  const auto removed = router.find("DELETE", "/v1/sets/bad.guys", refusal);
  REQUIRE(removed);
  CHECK(handler_of(*removed) == "remove");
  CHECK(removed->captures.at("name") == "bad.guys");
  CHECK(removed->lane == Lane::quick);
  const auto explained = router.find("POST", "/v1/rules/egress/explain", refusal);
  REQUIRE(explained);
  CHECK(explained->captures.at("chain") == "egress");
  CHECK(explained->lane == Lane::slow);
}

TEST_CASE("a variable part is percent-decoded after the path was cut at its slashes") {
  const Router router = small_router();
  Response refusal;
  const auto found = router.find("GET", "/v1/sets/a%2Fb%20c%00d", refusal);
  REQUIRE(found);
  CHECK(found->captures.at("name") == std::string("a/b c\0d", 7));
  for (const char* path : {"/v1/sets/100%", "/v1/sets/%2", "/v1/sets/%zz", "/v1/sets/%+1"}) {
    INFO(path);
    CHECK_FALSE(router.find("GET", path, refusal));
    CHECK(refusal.status == 400);
  }
}

TEST_CASE("an unknown path is 404, an unknown method of a known path 405 with those that it has") {
  const Router router = small_router();
  Response refusal;
  for (const char* path : {"/", "", "/v1/set", "/v1/sets/", "/v1/sets/a/b", "/v1//sets", "/v1/sets/a/"}) {
    INFO(path);
    CHECK_FALSE(router.find("GET", path, refusal));
    CHECK(refusal.status == 404);
    CHECK(problem_of(refusal).type == kUnknownResource);
  }
  CHECK_FALSE(router.find("PUT", "/v1/sets/a", refusal));
  CHECK(refusal.status == 405);
  CHECK(refusal.allow == "GET, HEAD, DELETE");
  CHECK(problem_of(refusal).type == kUnknownResource);
  CHECK_THAT(problem_of(refusal).detail, Catch::Contains("takes GET, HEAD, DELETE, not PUT"));
}

TEST_CASE("each type of error has its status, and a problem document") {
  struct Row {
    Response response;
    unsigned status;
    const char* title;
  };
  const Row rows[] = {{problem(BadRequest("no")), 400, "Bad Request"},
                      {problem(BatchError({"no"})), 400, "Bad Request"},
                      {problem(NotFound("no")), 404, "Not Found"},
                      {problem(Conflict("no")), 409, "Conflict"},
                      {problem(Unavailable("no")), 503, "Service Unavailable"},
                      {problem(Error("no")), 500, "Internal Server Error"},
                      {problem(std::runtime_error("no")), 500, "Internal Server Error"}};
  for (const Row& row : rows) {
    INFO(row.status << " " << row.title);
    CHECK(row.response.status == row.status);
    CHECK(row.response.content_type == "application/problem+json");
    const Problem read = problem_of(row.response);
    CHECK(read.type == "about:blank");
    CHECK(read.status == row.status);
    CHECK(read.title == row.title);
    CHECK(read.detail == "no");
  }
  const Problem batch = problem_of(problem(BatchError({"rule 1: one", "rule 2: two"})));
  CHECK(batch.errors == std::vector<std::string>{"rule 1: one", "rule 2: two"});
  CHECK(batch.detail == "rule 1: one\nrule 2: two");
  CHECK(problem_of(problem(Error("not \xff UTF-8"))).detail == "not \xef\xbf\xbd UTF-8");
}

TEST_CASE("a resource's path has its variable part percent-encoded, and the router reads it back") {
  CHECK(path_of(resource::kSetEntries, "office") == "/api/v1/sets/office/entries");
  CHECK(path_of(resource::kSet, "a/b %\xc3\xa4") == "/api/v1/sets/a%2Fb%20%25%C3%A4");
  CHECK(decoded_segment("a%2Fb%20%25%C3%A4") == "a/b %\xc3\xa4");
}

TEST_CASE("a tree answers all methods and paths below its prefix that no route has") {
  Router router = small_router();
  const auto named_tree = [](const std::string& name) {
    return [name](const Request&) { return Response{200, "text/plain", name, ""}; };
  };
  router.add_tree("/v1", Lane::quick, named_tree("outer"));
  router.add_tree("/v1/deep", Lane::slow, named_tree("inner"));
  Response refusal;
  const auto answer = [&](const char* method, const char* path) {
    const auto match = router.find(method, path, refusal);
    REQUIRE(match);
    REQUIRE(match->raw != nullptr);
    return (*match->raw)({}).body;
  };
  CHECK(answer("PATCH", "/v1") == "outer");
  CHECK(answer("GET", "/v1/") == "outer");
  CHECK(answer("GET", "/v1/deeper") == "outer");
  CHECK(answer("GET", "/v1/deep") == "inner");
  CHECK(answer("PUT", "/v1/deep/a/b") == "inner");
  CHECK(router.find("GET", "/v1/deep/a", refusal)->lane == Lane::slow);
  CHECK(handler_of(router.find("GET", "/v1/sets", refusal).value()) == "list");
  CHECK_FALSE(router.find("PATCH", "/v1/sets", refusal));
  CHECK(refusal.status == 405);
  CHECK_FALSE(router.find("GET", "/v12", refusal));
  CHECK(refusal.status == 404);
}
