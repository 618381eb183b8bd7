// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/programs_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "host/api/json/program_query.h"
#include "host/base/error.h"

namespace nicsentry::programs_json_test {

using nlohmann::json;

const char* const kProgram =
    R"({"name":"mine","interface":"eth0","network_namespace":4026531840,"here":true,"file":"mine.json",)"
    R"("pinned":"/sys/fs/bpf/nicsentry/programs/mine/1","paths":[{"path":"ingress","name":"counting","mode":"drv",)"
    R"("program_id":7,"attached":true,"maps":[{"name":"SEEN","kind":"hash","key_bytes":4,"value_bytes":8,)"
    R"("max_entries":10,"extern":false}],"metrics":[{"name":"seen","map":"SEEN","swap_on_read":true,)"
    R"("empty_on_read":false}]},{"path":"egress","name":"out","mode":"tc","program_id":8,"attached":false,)"
    R"("priority":200,"maps":[],"metrics":[]}]})";

const char* const kLoad =
    R"({"name":"mine","interface":"eth0","origin":"mine.json","mode":"skb","priority":7,"paths":[{"path":"ingress",)"
    R"("name":"counting","kind":"xdp","title":"ingress-path.code","source":"int x;\n","object":"f0VMRg==",)"
    R"("metric-configs":[{"name":"seen","map-name":"SEEN","extraction-options":{"swap-on-read":true,)"
    R"("empty-on-read":false},"open-metrics-metadata":{"help":"seen","type":"Histogram","labels":[{"name":"a",)"
    R"("value":"b"}],"buckets":{"scale":"linear","start":1.0,"width":2.5}}},{"name":"raw","map-name":"RAW",)"
    R"("extraction-options":{"swap-on-read":false,"empty-on-read":true}}]},{"path":"egress","name":"out","kind":"tc",)"
    R"("title":"out.o","object":"f0VMRg==","metric-configs":[]}]})";

template <typename Value>
std::string read_and_written(const std::string& text) {
  return encode(decode<Value>(json::parse(text))).dump();
}

// The request with another value at a place; null: without it.
json changed(const char* place, const json& value) {
  json request = json::parse(kLoad);
  const json::json_pointer pointer(place);
  if (value.is_null()) {
    request.at(pointer.parent_pointer()).erase(pointer.back());
  } else {
    request[pointer] = value;
  }
  return request;
}

TEST_CASE("programs: documents come out of their codecs as they went in") {
  const std::string program = kProgram;
  CHECK(read_and_written<programs::LoadedMonitor>(program) == program);
  const std::string list = R"({"programs":[)" + program + "]}";
  CHECK(read_and_written<ProgramsAnswer>(list) == list);
  const std::string result =
      R"({"program":)" + program + R"(,"replaced":true,"warnings":"","why_alone":"the kernel refuses it"})";
  CHECK(read_and_written<programs::LoadResult>(result) == result);
  CHECK(read_and_written<ProgramUnloaded>(R"({"unloaded":"mine"})") == R"({"unloaded":"mine"})");
  CHECK(read_and_written<ProgramLoadRequest>(kLoad) == kLoad);
}

TEST_CASE("programs: what is on a card comes out of its codecs as it went in") {
  json program = json::parse(kProgram);
  program["paths"][0]["mode"] = "hw";
  program["paths"][0]["with"] = "ddos";
  program["paths"][0]["nfp_instructions"] = 1220;
  CHECK(json(encode(decode<programs::LoadedMonitor>(program))) == program);
  json request = changed("/mode", "hw");
  request["with"] = "ddos";
  CHECK(json(encode(decode<ProgramLoadRequest>(request))) == request);
}

TEST_CASE("programs: a request's values are those that were sent") {
  const auto request = decode<ProgramLoadRequest>(json::parse(kLoad));
  CHECK(request.load.name == "mine");
  CHECK(request.load.file == "mine.json");
  CHECK(request.load.mode == Mode::skb);
  CHECK(request.load.priority == 7U);
  REQUIRE(request.paths.size() == 2);
  CHECK(request.paths[0].kind == ProgramKind::xdp);
  CHECK(request.paths[0].object ==
        "\x7f"
        "ELF");
  CHECK(request.paths[0].source.text == "int x;\n");
  REQUIRE(request.paths[0].metrics.size() == 2);
  CHECK(request.paths[0].metrics[0].open_metrics->buckets.width == 2.5);
  CHECK(request.paths[1].egress);
  CHECK_FALSE(decode<ProgramLoadRequest>(changed("/mode", nullptr)).load.mode);
}

TEST_CASE("programs: a wrong request to load is refused with the field; a path of a file is unknown") {
  const std::pair<json, const char*> wrong[] = {
      {changed("/name", nullptr), "name: read nothing"},
      {changed("/mode", "card"), "mode: read \"card\", allowed is hw, drv, skb or tc"},
      {changed("/with", 7), "with: read 7"},
      {changed("/priority", 0), "priority: read 0, allowed is a number from 1 to 65535"},
      {changed("/priority", 65536), "priority"},
      {changed("/file", "/etc/shadow"), "unknown field \"file\""},
      {changed("/paths/0/file", "/etc/shadow"), "unknown field \"file\""},
      {changed("/paths/0/code", "int x;"), "unknown field \"code\""},
      {changed("/paths", json::array()), "paths: read 0"},
      {changed("/paths/0/path", "egress"), "allowed is xdp or tc, for the egress path tc"},
      {changed("/paths/1/path", "ingress"), "with the ingress path first"},
      {changed("/paths/1/path", "out"), "path: read \"out\", allowed is ingress or egress"},
      {changed("/paths/1/kind", "xdp"), "kind: read \"xdp\", allowed is xdp or tc, for the egress path tc"},
      {changed("/paths/0/kind", "card"), "kind: read \"card\""},
      {changed("/paths/0/object", "f0VMRg"), "object: allowed is a compiled program, in base64"},
      {changed("/paths/0/object", ""), "object: allowed is"},
      {changed("/paths/0/metric-configs/0/map-name", ""), "ingress.metric-configs[0].map-name"},
      {changed("/paths/0/metric-configs/1/name", "seen"), "a name that no other metric of the path has"},
  };
  for (const auto& [request, words] : wrong) {
    INFO(words);
    CHECK_THROWS_AS(decode<ProgramLoadRequest>(request), BadRequest);
    CHECK_THROWS_WITH(decode<ProgramLoadRequest>(request), Catch::Contains(words));
  }
}

TEST_CASE("programs: a run leaves maps above its limit to the command, by the metrics that are asked for") {
  UserMap small{"SMALL", "hash", 0, 4, 8, 1024};
  UserMap large{"LARGE", "percpu_hash", 0, 4, 4, 1U << 20U};  // a value takes 8 bytes of each processor
  programs::LoadedMonitor program;
  program.name = "mine";
  programs::LoadedPath& path = program.paths.emplace_back();
  path.maps = {small, large};
  path.metrics.resize(2);
  path.metrics[0].name = "few";
  path.metrics[0].map = "SMALL";
  path.metrics[1].name = "many";
  path.metrics[1].map = "LARGE";
  programs::ReadRequest request;
  CHECK_FALSE(why_not_read_by_run(program, request, 7));
  const auto why = why_not_read_by_run(program, request, 8);
  REQUIRE(why);
  CHECK_THAT(*why, Catch::Contains("69 MiB, of which map LARGE has 68 MiB; a run reads 64 MiB at most"));
  request.metric = "few";
  CHECK_FALSE(why_not_read_by_run(program, request, 8));
  request.metric.reset();
  request.direction = programs::Direction::egress;
  CHECK_FALSE(why_not_read_by_run(program, request, 8));
}

TEST_CASE("programs: what is asked of a program's metrics comes out of the query as it went in") {
  CHECK(query_text(ProgramQuery()).empty());
  CHECK(parse_program_query({}).format == ProgramQuery::Format::as_json);
  ProgramQuery query;
  query.request.metric = "a&b c";
  query.request.direction = programs::Direction::egress;
  query.format = ProgramQuery::Format::openmetrics;
  query.style = {true, true};
  query.series = 12;
  CHECK(query_text(query) == "?metric=a%26b%20c&direction=egress&format=openmetrics&cpus=sum&raw=true&series=12");
  const ProgramQuery read = parse_program_query({{"metric", "a&b c"},
                                                 {"direction", "egress"},
                                                 {"format", "openmetrics"},
                                                 {"cpus", "sum"},
                                                 {"raw", "true"},
                                                 {"series", "12"}});
  CHECK(query_text(read) == query_text(query));
  for (const auto& [name, value] : std::multimap<std::string, std::string>{{"format", "xml"},
                                                                           {"direction", "up"},
                                                                           {"cpus", "all"},
                                                                           {"raw", "1"},
                                                                           {"series", "0"},
                                                                           {"series", "12x"},
                                                                           {"file", "/etc/shadow"}}) {
    INFO(name << "=" << value);
    CHECK_THROWS_AS(parse_program_query({{name, value}}), BadRequest);
  }
}

}  // namespace nicsentry::programs_json_test
