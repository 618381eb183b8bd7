// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "host/api/json/connections_json.h"
#include "host/api/json/explain_json.h"
#include "host/api/json/limited_json.h"
#include "host/api/json/problem_json.h"
#include "host/api/json/rules_json.h"
#include "host/api/json/sets_json.h"
#include "host/api/json/status_json.h"
#include "host/api/json/version_json.h"
#include "host/api/json/window_json.h"
#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/rule_text.h"

using namespace nicsentry;
using nlohmann::json;

namespace {

// Compares the text that a type's encoder makes with the one that its decoder read.
template <typename Value>
std::string read_and_written(const std::string& text) {
  return encode(decode<Value>(json::parse(text))).dump();
}

template <typename Value>
void check_round_trip(const std::string& text) {
  CHECK(read_and_written<Value>(text) == text);
}

template <typename Value>
void check_refused(const std::string& text, const std::string& words) {
  INFO(text);
  CHECK_THROWS_AS(decode<Value>(json::parse(text)), BadRequest);
  CHECK_THROWS_WITH(decode<Value>(json::parse(text)), Catch::Contains(words));
}

// An answer that is not as it should be is an error, not the caller's fault.
template <typename Value>
void check_wrong_answer(const std::string& text, const std::string& words) {
  INFO(text);
  try {
    decode<Value>(json::parse(text));
    FAIL("was read");
  } catch (const BadRequest&) {
    FAIL("is called the caller's fault");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Contains(words));
  }
}

const std::string kEnforced = R"({"ingress":[{"plane":"eth0/xdp"},{"plane":"eth1/xdp","failing":"EIO"}],"egress":[]})";

constexpr const char* kChain =
    R"({"text":"Ingress rules:\n","default":"drop","accept_established":false,"unjudged":"pass",)"
    R"("non_ip":["ARP","0x9999"],"rules":[{"id":0,"in":["eth0","!eth1"],"src":["10.0.0.0/8","@bad","!10.1.0.0/16"],"l4proto":"TCP",)"
    R"("dport":"80-90","tcpflags":"SYN,!ACK","conntrack":"NEW","action":"forward","description":"web","expires":"598s",)"
    R"("expires_ns":1700000000000000001,"packets":3,"bytes":180},{"id":1,"l4proto":99,"action":"log","expires":"0s",)"
    R"("packets":0,"bytes":0}],)"
    R"("counters":{"default":{"packets":1,"bytes":60},"established":{"packets":4,"bytes":5},)"
    R"("blocked":{"packets":6,"bytes":7},"dropped":{"packets":8,"bytes":9},)"
    R"("unjudged":{"malformed":{"packets":1,"bytes":2}},"non_ip":{"packets":3,"bytes":4}},)"
    R"("tables":{"rules":2,"chunks":1,"rows":3,"nodes":4,"nodes_room":5,"bits":6,"bits_room":7}})";

constexpr const char* kExplained =
    R"({"verdict":"drop","decided_by":"rule","rule":{"id":3,"src":"10.0.0.1/32","action":"drop"},)"
    R"("packet":{"src":"10.0.0.1","dst":"2001:db8::1","l4proto":"TCP","sport":40000,"dport":80,"tcpflags":"SYN",)"
    R"("conntrack":"NEW"},"session":"unknown","conntrack_reason":"a fragment","not_understood":"fragment",)"
    R"("counted_by":[0,2],"fields":[{"field":"src","rule":"10.0.0.1/32","packet":"10.0.0.1","matches":true}],)"
    R"("passed_over":[{"id":1,"field":"dport","rule":"81","packet":"80","matches":false}],"src_sets":["bad"],)"
    R"("dst_sets":[]})";

}  // namespace

TEST_CASE("each answer is written as it was read") {
  check_round_trip<EndedWindow>(R"({"window":18446744073709551615,"files":["/tmp/a.csv","/tmp/b.csv"]})");
  check_round_trip<VersionInfo>(
      R"({"version":"0.2.0","commit":"0123456789ab","program_abi":2,"state_format":1,"libbpf":"1.1"})");
  check_round_trip<ConnectionsAnswer>(
      R"({"connections":[{"protocol":"TCP","source":"10.0.0.1","source_port":40000,"destination":"10.0.0.2",)"
      R"("destination_port":80,"vlan":"10.20","state":"ESTABLISHED","age_s":0.1}],)"
      R"("state_latency":{"count":3,"p50_us":12.5,"p99_us":80.0,"max_us":90.125,"waited":1}})");
  check_round_trip<SetsAnswer>(R"({"sets":[{"name":"blocked","entries":2,"used_by_rules":0}]})");
  check_round_trip<SetEntriesAnswer>(
      R"({"entries":[{"range":"10.0.0.0/8"},{"range":"2001:db8::1","expires_s":12.25}]})");
  check_round_trip<SetAddition>(
      R"({"changed":2,"took_ms":0.125,"renewed":1,"former":[{"range":"10.0.0.1"}],"outlasting":1,)"
      R"("longer":[{"range":"10.0.0.0/8","expires_s":1.5}],"exempt":["10.0.0.2"],)"
      R"("covered":[{"range":"10.0.0.2","by":"10.0.0.0/8"}],"narrower":[{"range":"10.0.0.0/7","entries":2}],)"
      R"("enforced":)" +
      kEnforced + "}");
  check_round_trip<SetReplacement>(R"({"entries":5,"enforced":)" + kEnforced + "}");
  check_round_trip<SetRemoval>(
      R"({"changed":0,"missing":["10.0.0.1"],"staying":[{"range":"10.0.0.1","by":"10.0.0.0/8"}],"enforced":)" +
      kEnforced + "}");
  check_round_trip<BatchAnswer>(
      R"({"rules":7,"changes":[{"operation":"append","rule":{"id":6,"dport":22,"action":"drop"}},)"
      R"({"operation":"move","rule":{"id":1,"action":"drop","expires":"9s"},"to":0},)"
      R"({"operation":"flush","removed":4}],"twice":{"rules":2,"first":[{"id":6,"same_as":2}]},"enforced":)" +
      kEnforced + "}");
  check_round_trip<DefaultAnswer>(R"({"enforced":)" + kEnforced + R"(,"warning":"beware"})");
  check_round_trip<DefaultAnswer>(R"({"enforced":)" + kEnforced + "}");
  check_round_trip<DefaultAnswer>(R"({"enforced":)" + kEnforced + R"(,"cut_off":["the gateway 192.0.2.1"]})");
  check_round_trip<LoadAnswer>(
      R"({"ingress":{"rules":5,"kept":3,"removed":1,"changed":true},"sets":[{"name":"a","entries":2,"changed":false}],)"
      R"("enforced":)" +
      kEnforced + "}");
  check_round_trip<DiffAnswer>(R"({"differences":[{"chain":"ingress","difference":"added","id":0,"rule":{}}]})");
  check_round_trip<RulesetAnswer>(R"({"egress":{"rules":[]},"ingress":{"rules":[]},"sets":{},"version":2})");
  check_round_trip<RulesAnswer>(std::string(R"({"version":2,"ingress":)") + kChain + R"(,"egress":)" + kChain +
                                R"(,"enforced":)" + kEnforced + "}");
  check_round_trip<LimitedAnswer>(
      R"({"ingress":[{"rule":{"id":3,"action":"limit","rate":"9/s","per":"source"},"packets":7,"bytes":700,)"
      R"("known":3,"now":1,"addresses":[{"address":"10.0.0.1","packets":5,"bytes":500,"last_s":0.5,"now":true},)"
      R"({"packets":2,"bytes":200,"last_s":20.0,"now":false}]}],"egress":[]})");
  check_round_trip<EnforcedAnswer>(R"({"enforced":)" + kEnforced + "}");
  check_round_trip<EnforcedAnswer>(
      R"({"enforced":{"ingress":[{"plane":"eth0/xdp"}],"egress":[],"unsaved":"the rules: ENOSPC"}})");
  check_round_trip<RunStatus>(
      R"({"firewall":true,"enforced":)" + kEnforced +
      R"(,"outages":[{"interface":"eth0","hook":"tc-egress","mode":"tc","reason":"taken off",)"
      R"("since_ns":12,"since_time":"1970-01-01T00:00:00.000000012Z"}],"ended_outputs":["standard output"],"windows_lost":3,)"
      R"("user_programs":[{"name":"mine","interface":"eth0","hook":"xdp","mode":"drv","program":"counting",)"
      R"("program_id":7},{"name":"other","interface":"eth0","hook":"tc-egress","mode":"tc","program":"out",)"
      R"("program_id":8,"priority":200}],"configuration":[{"name":"cap","value":5,"source":"a.conf:2",)"
      R"("reload":false},{"name":"rules","value":null,"source":"default","reload":true}]})");
  check_round_trip<RunStatus>(
      R"({"firewall":true,"enforced":)" + kEnforced +
      R"(,"outages":[],"ended_outputs":[],"windows_lost":0,"user_programs":[],"rules":{"ingress":{"rules":4,"default":"drop"},)"
      R"("egress":{"rules":0,"default":"accept"},"blocked":12,)"
      R"("unconfirmed":{"what":"the change of the ingress chain","seconds":41.5}},"configuration":[]})");
  check_round_trip<PacketExplanation>(kExplained);
  check_round_trip<PacketExplanation>(
      R"({"verdict":"accept","decided_by":"nothing","not_understood":"not_ip","counted_by":[]})");
  check_round_trip<PacketExplanation>(
      R"({"verdict":"accept","decided_by":"default","packet":{"src":"10.0.0.1","dst":"10.0.0.2","l4proto":99,)"
      R"("conntrack":"INVALID"},"session":"as asked","counted_by":[]})");
  check_round_trip<ExplainAnswer>(
      std::string(R"({"chain":"egress","asked":"eth0 egress","program":12,"default":"drop",)") +
      R"("accept_established":true,"rules":5,"answers":[)" + kExplained + "]}");
  check_round_trip<Problem>(
      R"({"type":"about:blank","title":"Bad Request","status":400,"detail":"no","errors":["a","b"]})");
}

TEST_CASE("a query for limits asks for so many addresses, 10 where it says nothing") {
  CHECK(parse_limited_query({}) == 10);
  CHECK(parse_limited_query({{"top", "0"}}) == 0);
  CHECK(parse_limited_query({{"top", "65536"}}) == 65536);
  for (const char* top : {"", "-1", "x", "1x", "65537"}) {
    CHECK_THROWS_WITH(parse_limited_query({{"top", top}}), Catch::StartsWith("top: read \"" + std::string(top)));
  }
  CHECK_THROWS_WITH(parse_limited_query({{"most", "1"}}), "query: 'most' is unknown; allowed is top");
}

TEST_CASE("each request is written as it was read") {
  check_round_trip<ExplainRequest>(
      R"({"packets":[{"frame":"00","length":9,"time_ns":1700000000000000001}],"why":false,"more":true,"capture":7})");

  check_round_trip<SetAdditionRequest>(R"({"entries":["10.0.0.0/8","10.0.0.1-10.0.0.9"],"for_s":600.0})");
  check_round_trip<SetAdditionRequest>(R"({"entries":[{"range":"10.0.0.0/8","for_s":1.5},"10.0.0.1"],"shorten":true})");
  check_round_trip<SetAdditionRequest>(R"({"entries":[]})");
  check_round_trip<SetReplacementRequest>(R"({"entries":["10.0.0.1"],"for_s":600.0})");
  check_round_trip<SetReplacementRequest>(R"({"entries":[],"allow_empty":true})");
  check_round_trip<SetRemovalRequest>(R"({"entries":["2001:db8::/32"]})");
  check_round_trip<DefaultRequest>(R"({"action":"drop"})");
  check_round_trip<DefaultRequest>(R"({"action":"accept"})");
  check_round_trip<AcceptEstablishedRequest>(R"({"on":false})");
  check_round_trip<ExplainRequest>(
      R"({"packets":[{"frame":"0001ff","length":1500},{"frame":""}],"why":true,"conntrack":"RELATED","summary":true,)"
      R"("more":true})");
  const auto listed = decode<ExplainRequest>(json::parse(R"({"packets":[{"frame":[0,1,255]}]})"));
  CHECK(listed.packets.at(0).frame == std::vector<std::uint8_t>{0, 1, 255});
}

TEST_CASE("a request names the field that is wrong, what was read and what is allowed") {
  check_refused<DefaultRequest>(R"({"action":"reject"})", "action: read \"reject\", allowed is drop or accept");
  check_refused<DefaultRequest>(R"({"action":1})", "action: read 1, allowed is drop or accept");
  check_refused<DefaultRequest>("{}", "action: read nothing, allowed is drop or accept");
  check_refused<DefaultRequest>("[]", "read an empty list, allowed is an object");
  check_refused<AcceptEstablishedRequest>(R"({"on":"on"})", "on: read \"on\", allowed is true or false");
  check_refused<AcceptEstablishedRequest>(R"({"on":1})", "on: read 1, allowed is true or false");
  check_refused<SetAdditionRequest>(R"({"entries":"10.0.0.1"})", "entries: read \"10.0.0.1\", allowed is a list");
  check_refused<SetAdditionRequest>(R"({"entries":[1]})", "entries: read a list, allowed is a list of addresses");
  check_refused<SetAdditionRequest>(R"({"entries":[],"for_s":-1})", "for_s: read -1, allowed is a duration");
  check_refused<SetAdditionRequest>(R"({"entries":[],"for_s":"10m"})", "for_s: read \"10m\"");
  check_refused<ExplainRequest>(R"({"packets":[{"frame":[256]}]})", "packets, number 1: frame: read a list");
  check_refused<ExplainRequest>(R"({"packets":[{"frame":[-1]}]})", "allowed is a list of bytes");
  check_refused<ExplainRequest>(R"({"packets":[{"frame":[0.5]}]})", "allowed is a list of bytes");
  check_refused<ExplainRequest>(R"({"packets":[{"frame":"0"}]})", "frame: read \"0\", allowed is a list of bytes, or ");
  check_refused<ExplainRequest>(R"({"packets":[{"frame":"0G"}]})", "their hexadecimal digits");
  check_refused<ExplainRequest>(R"({"packets":[{"frame":[1]},{"length":1}]})",
                                "packets, number 2: frame: read nothing");
  check_refused<ExplainRequest>(R"({"packets":[],"conntrack":"OLD"})", "conntrack: read \"OLD\", allowed is NEW");
}

TEST_CASE("a request with an unknown field is refused") {
  check_refused<DefaultRequest>(R"({"action":"drop","chain":"egres"})", "unknown field \"chain\", allowed is action");
  check_refused<SetAdditionRequest>(R"({"entries":[],"path":"/etc/shadow"})", "unknown field \"path\"");
  check_refused<SetAdditionRequest>(R"({"entries":[],"allow_empty":true})", "unknown field \"allow_empty\"");
  check_refused<SetReplacementRequest>(R"({"entries":[],"shorten":true})", "unknown field \"shorten\"");
  check_refused<SetReplacementRequest>(R"({"entries":[{"range":"10.0.0.1","for_s":-1}]})", "for_s: read -1");
  check_refused<SetReplacementRequest>(R"({"entries":[{"range":"10.0.0.1","until":1}]})", "unknown field \"until\"");
  check_refused<SetRemovalRequest>(R"({"entries":[],"for_s":1})", "unknown field \"for_s\", allowed is entries");
  check_refused<ExplainRequest>(R"({"packets":[],"chain":"egres"})", "unknown field \"chain\"");
  check_refused<ExplainRequest>(R"({"packets":[{"frame":[],"bytes":1}]})", "number 1: unknown field \"bytes\"");
  CHECK_THROWS_AS(refuse_fields(json{{"a", 1}}), BadRequest);
  CHECK_NOTHROW(refuse_fields(json::object()));
}

TEST_CASE("an answer of a later version is read; its unknown fields are ignored") {
  const std::string enforced = R"("enforced":)" + kEnforced;
  const std::string batch = R"({"rules":7,"changes":[],"twice":{"rules":0,"first":[]},)" + enforced;
  CHECK(read_and_written<BatchAnswer>(batch + R"(,"later":true})") == batch + "}");
  CHECK(read_and_written<SetReplacement>(R"({"entries":5,"later":{},)" + enforced + "}") ==
        R"({"entries":5,)" + enforced + "}");
  CHECK(read_and_written<NumberedRule>(R"({"id":1,"action":"drop","later":[1]})") == R"({"id":1,"action":"drop"})");
}

TEST_CASE("an answer of a former version is read without the fields that it does not have") {
  const auto addition = decode<SetAddition>(json::parse(
      R"({"changed":2,"took_ms":0.125,"renewed":0,"former":[],"outlasting":0,"longer":[],"exempt":[],"enforced":)" +
      kEnforced + "}"));
  CHECK(addition.changed == 2);
  CHECK(addition.covered.empty());
  CHECK(addition.narrower.empty());
}

TEST_CASE("an answer that lacks a field, or has another type in it, is not read as something else") {
  check_wrong_answer<EndedWindow>(R"({"files":[]})", "window: read nothing");
  check_wrong_answer<EndedWindow>(R"({"window":-1,"files":[]})", "window: read -1");
  check_wrong_answer<EndedWindow>(R"({"window":1.5,"files":[]})", "window: read 1.5");
  check_wrong_answer<EndedWindow>(R"({"window":1,"files":[1]})", "files: read a list");
  check_wrong_answer<PacketExplanation>(R"({"verdict":"maybe","decided_by":"rule","counted_by":[]})",
                                        "verdict: read \"maybe\"");
  check_wrong_answer<PacketExplanation>(R"({"verdict":"drop","decided_by":"magic","counted_by":[]})",
                                        "decided_by: read \"magic\"");
  check_wrong_answer<PacketExplanation>(R"({"verdict":"drop","decided_by":"rule","counted_by":[]})",
                                        "rule: read nothing");
  check_wrong_answer<NumberedRule>(R"({"id":4,"action":"explode"})", "rule 4: action: read \"explode\"");
  check_wrong_answer<VersionInfo>("null", "read null, allowed is an object");
}

TEST_CASE("every wrong entry of a set is reported, up to twenty") {
  json entries = json::array({"10.0.0.1"});
  for (int i = 0; i < 25; ++i) {
    entries.push_back("bad" + std::to_string(i));
  }
  try {
    decode<SetAdditionRequest>(json{{"entries", entries}});
    FAIL("was read");
  } catch (const BadRequest& error) {
    const std::string text = error.what();
    CHECK(std::count(text.begin(), text.end(), '\n') == 20);
    CHECK_THAT(text, Catch::Contains("bad0") && Catch::Contains("bad19") && !Catch::Contains("bad20"));
    CHECK_THAT(text, Catch::EndsWith("and 5 more"));
  }
}

TEST_CASE("a request for explanations has a limit of packets and of bytes in each") {
  json packets = json::array();
  for (std::size_t i = 0; i <= kExplainPacketsMax; ++i) {
    packets.push_back({{"frame", json::array()}});
  }
  CHECK_THROWS_WITH(decode<ExplainRequest>(json{{"packets", packets}}), Catch::Contains("read 2001 packets"));
  const json frame(std::vector<int>(kExplainFrameMax + 1, 0));
  CHECK_THROWS_WITH(decode<ExplainRequest>(json{{"packets", {{{"frame", frame}}}}}), Catch::Contains("65536 bytes"));
}

TEST_CASE("a rule's time left is written as rule_json() writes it") {
  constexpr TimestampNs kNow = 1'000'000'000'000;
  RuleErrors errors;
  const Rule rule = parse_rule({{"src", "10.0.0.1"}, {"action", "drop"}, {"expires", "10m"}}, kNow, errors);
  REQUIRE(errors.empty());
  constexpr TimestampNs kLater = kNow + 1'500'000'000;
  CHECK(encode(numbered_rule(rule, 2, kLater)) == rule_json(rule, 2, kLater));
  CHECK(encode(numbered_rule(rule, 2, kLater)).at("expires") == "599s");
}

TEST_CASE("JSON is printed with its keys in alphabetical order") {
  CHECK(printed_json({{"b", 1}, {"a", {{"d", 2}, {"c", 3}}}}) == R"({"a":{"c":3,"d":2},"b":1})");
}
