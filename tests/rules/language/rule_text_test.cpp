// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "host/rules/language/address_text.h"
#include "host/rules/language/rule_text.h"
#include "tests/support/tries.h"

namespace nicsentry::firewall_rule_text_test {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;

constexpr TimestampNs kNow = 1'700'000'000'123'456'789;
constexpr TimestampNs kSecond = 1'000'000'000;

Rule good(const std::string& text) {
  RuleErrors errors;
  Rule rule = parse_rule(json::parse(text), kNow, errors);
  CAPTURE(text);
  REQUIRE(errors.empty());
  return rule;
}

RuleErrors errors_of_json(const json& fields) {
  RuleErrors errors;
  parse_rule(fields, kNow, errors);
  return errors;
}

RuleErrors errors_of(const std::string& text) { return errors_of_json(json::parse(text)); }

std::string written(const Rule& rule) { return rule_json(rule, 0, kNow).dump(); }

// Parses and prints a field. Returns the printed value: for {"src": ...} the value of "src".
std::string rewritten(const std::string& field, const std::string& value) {
  return rule_json(good("{\"" + field + "\": " + value + "}"), 0, kNow).value(field, nlohmann::ordered_json()).dump();
}

struct Field {
  const char* field;
  const char* read;
  const char* written;
};
const Field kFields[] = {
    {"src", R"("10.0.0.100/32")", R"("10.0.0.100/32")"},
    {"src", R"("10.0.0.100")", R"("10.0.0.100/32")"},
    {"dst", R"("10.0.0.150/24")", R"("10.0.0.0/24")"},
    {"src", R"("2001:DB8::1")", R"("2001:db8::1/128")"},
    {"src", R"("2001:db8::1/32")", R"("2001:db8::/32")"},
    {"src", R"("10.0.0.1-10.0.0.9")", R"("10.0.0.1-10.0.0.9")"},
    {"src", R"("10.0.0.0-10.0.0.255")", R"("10.0.0.0/24")"},
    {"src", R"("@blocked")", R"("@blocked")"},
    {"src", R"("!10.1.2.3")", R"("!10.1.2.3/32")"},
    {"src", R"(["10.0.0.1"])", R"("10.0.0.1/32")"},
    {"src", R"(["10.0.0.0/8","!10.1.2.3","@blocked","!@allow","2001:db8::/32"])",
     R"(["10.0.0.0/8","2001:db8::/32","@blocked","!10.1.2.3/32","!@allow"])"},
    {"dst", R"(["! @allow", " 10.0.0.0/8 "])", R"(["10.0.0.0/8","!@allow"])"},
    {"l4proto", R"("tcp")", R"("TCP")"},
    {"l4proto", R"("UDP")", R"("UDP")"},
    {"l4proto", R"("Icmp")", R"("ICMP")"},
    {"l4proto", R"("ICMPV6")", R"("ICMPv6")"},
    {"l4proto", R"("gre")", R"("GRE")"},
    {"l4proto", R"("132")", R"("SCTP")"},
    {"l4proto", "6", R"("TCP")"},
    {"l4proto", "0", "0"},
    {"l4proto", "255", "255"},
    {"l4proto", R"("254")", "254"},
    {"sport", "0", "0"},
    {"sport", "65535", "65535"},
    {"dport", R"("80")", "80"},
    {"dport", R"("1000-2000")", R"("1000-2000")"},
    {"dport", R"("1000 - 2000")", R"("1000-2000")"},
    {"dport", R"("80-80")", "80"},
    {"dport", R"("1401-")", R"("1401-65535")"},
    {"dport", R"("1401:65535")", R"("1401-65535")"},
    {"dport", R"(":1023, 60000:")", R"("0-1023,60000-65535")"},
    {"dport", R"("0x50")", "80"},
    {"ttl", R"("250-")", R"("250-255")"},
    {"vlan", R"("4000-")", R"("4000-4095")"},
    {"dscp", R"("0x2e")", R"("ef")"},
    {"dscp", R"("AF41,cs3,EF")", R"("cs3,af41,ef")"},
    {"dport", R"("0-65535")", R"("0-65535")"},
    {"dport", R"("22,80,8000-8100")", R"("22,80,8000-8100")"},
    {"dport", R"([8000, "22", "90 - 100"])", R"("22,90-100,8000")"},
    {"sport", R"("443, 80,81 ,79-80")", R"("79-81,443")"},
    {"sport", R"("5,1-10,7-9")", R"("1-10")"},
    {"dport", R"("0-65534,65535")", R"("0-65535")"},
    {"dport", "[80]", "80"},
    {"dport", R"(["80,90", 85])", R"("80,85,90")"},
    {"l4proto", R"("udp,TCP")", R"("TCP,UDP")"},
    {"l4proto", R"(["UDP", 6, "17", 99])", R"("TCP,UDP,99")"},
    {"l4proto", "[254]", "254"},
    {"tcpflags", R"("SYN,!ACK")", R"("SYN,!ACK")"},
    {"tcpflags", R"(" ! ack , syn ")", R"("SYN,!ACK")"},
    {"tcpflags", R"("ece,cwr,urg,psh,rst,ack,fin,syn,syn")", R"("SYN,FIN,ACK,RST,PSH,URG,CWR,ECE")"},
    {"conntrack", R"("new")", R"("NEW")"},
    {"conntrack", R"("Established")", R"("ESTABLISHED")"},
    {"conntrack", R"("RELATED")", R"("RELATED")"},
    {"conntrack", R"("INVALID")", R"("INVALID")"},
    {"action", R"("DROP")", R"("drop")"},
    {"action", R"("accept")", R"("forward")"},
    {"action", R"("Forward")", R"("forward")"},
    {"action", R"("log")", R"("log")"},
    {"action", R"("COUNT")", R"("count")"},
    {"length", "60", "60"},
    {"length", R"("0-100,101, 1400-1500")", R"("0-101,1400-1500")"},
    {"length", R"([60, "1400-65535"])", R"("60,1400-65535")"},
    {"dscp", "46", R"("ef")"},
    {"dscp", R"("EF")", R"("ef")"},
    {"dscp", R"("af11,cs1,63,le,be")", R"("0-1,cs1,af11,63")"},
    {"dscp", "7", "7"},
    {"dscp", R"("8-15")", R"("8-15")"},
    {"ttl", "1", "1"},
    {"ttl", R"("0-5,255")", R"("0-5,255")"},
    {"vlan", "0", "0"},
    {"vlan", R"("none")", R"("none")"},
    {"vlan", R"("10-12,None,13")", R"("10-13,none")"},
    {"vlan", R"("4090-4095,none")", R"("4090-4095,none")"},
    {"vlan", R"("4095,none")", R"("4095,none")"},
    {"log", "true", "true"},
    {"log", R"({"every": 1})", "true"},
    {"log", R"({"every": 100})", R"({"every":100})"},
    {"log", R"({"every": 4294967295})", R"({"every":4294967295})"},
    {"description", R"("Any text, 100%")", R"("Any text, 100%")"},
    {"expires", R"("10m")", R"("600s")"},
    {"expires", R"("10MIN")", R"("600s")"},
    {"expires", R"("30s")", R"("30s")"},
    {"expires", R"("1h30m")", R"("5400s")"},
    {"expires", R"("1.5h")", R"("5400s")"},
    {"expires", R"("7d")", R"("604800s")"},
    {"expires", R"("366d")", R"("31622400s")"},
    {"expires", R"("1500ms")", R"("2s")"},
    {"expires", R"("90")", R"("90s")"},
    {"expires", "90", R"("90s")"},
    {"expires", "0.5", R"("1s")"},
};

struct Refused {
  const char* field;
  const char* value;
};
const Refused kRefused[] = {
    {"src", "5"},
    {"src", "null"},
    {"src", "[]"},
    {"src", "{}"},
    {"src", R"("")"},
    {"src", R"(["10.0.0.1", 5])"},
    {"src", R"([["10.0.0.1"]])"},
    {"src", R"("10.0.0.9-10.0.0.1")"},
    {"src", R"("10.0.0.1,10.0.0.2")"},
    {"src", R"("@")"},
    {"src", R"("@a b")"},
    {"src", R"("!")"},
    {"src", R"("!!10.0.0.1")"},
    {"dst", R"("10.0.0.1/33")"},
    {"l4proto", R"("TCPP")"},
    {"l4proto", "256"},
    {"l4proto", "-1"},
    {"l4proto", "6.0"},
    {"l4proto", R"("256")"},
    {"l4proto", R"("")"},
    {"l4proto", "true"},
    {"l4proto", "18446744073709551615"},
    {"sport", "65536"},
    {"sport", "-1"},
    {"sport", "80.0"},
    {"sport", R"("http")"},
    {"sport", R"("2000-1000")"},
    {"sport", R"("-1000")"},
    {"sport", R"("-")"},
    {"sport", R"(":")"},
    {"sport", R"("1:2:3")"},
    {"sport", R"("0x")"},
    {"sport", R"("0x10000")"},
    {"ttl", R"("256-")"},
    {"sport", R"("1-2-3")"},
    {"sport", R"("1-65536")"},
    {"dport", R"("")"},
    {"dport", "[]"},
    {"dport", "[[80]]"},
    {"dport", R"([80, "x"])"},
    {"dport", R"([80, 65536])"},
    {"dport", R"([""])"},
    {"dport", R"("80,")"},
    {"dport", R"(",80")"},
    {"dport", R"("80,,90")"},
    {"l4proto", R"("TCP,")"},
    {"l4proto", "[6, 256]"},
    {"l4proto", "[]"},
    {"l4proto", R"("TCP;UDP")"},
    {"dport", R"("+80")"},
    {"length", "65536"},
    {"length", R"("")"},
    {"length", R"("9-1")"},
    {"length", R"("!60")"},
    {"dscp", "64"},
    {"dscp", R"("af14")"},
    {"dscp", R"("cs1-cs3")"},
    {"dscp", "[]"},
    {"ttl", "256"},
    {"ttl", "-1"},
    {"ttl", R"("ef")"},
    {"vlan", "4096"},
    {"vlan", R"("1,,2")"},
    {"vlan", R"("none-5")"},
    {"vlan", "true"},
    {"tcpflags", R"("")"},
    {"tcpflags", R"("SYN,,ACK")"},
    {"tcpflags", R"("SYN,")"},
    {"tcpflags", R"("SYN,!SYN")"},
    {"tcpflags", R"("!!SYN")"},
    {"tcpflags", R"("SYNACK")"},
    {"tcpflags", "2"},
    {"conntrack", R"("NEW,RELATED")"},
    {"conntrack", "0"},
    {"action", R"("reject")"},
    {"action", "null"},
    {"log", "null"},
    {"log", "100"},
    {"log", R"("yes")"},
    {"log", "{}"},
    {"log", R"({"every": 0})"},
    {"log", R"({"every": -1})"},
    {"log", R"({"every": 1.0})"},
    {"log", R"({"every": "100"})"},
    {"log", R"({"every": 4294967296})"},
    {"log", R"({"every": 100, "of": 1})"},
    {"description", "5"},
    {"expires", R"("0s")"},
    {"expires", R"("-5s")"},
    {"expires", R"("10x")"},
    {"expires", R"("10m5")"},
    {"expires", R"("m")"},
    {"expires", R"("")"},
    {"expires", R"("inf")"},
    {"expires", R"("nan")"},
    {"expires", R"("367d")"},
    {"expires", "0"},
    {"expires", "1e300"},
    {"expires", "-1e300"},
    {"expires", "1e-12"},
    {"expires", "true"},
};

// Makes random valid rules in the form of a batch.
class RuleMaker {
 public:
  explicit RuleMaker(unsigned seed) : random_(seed) {}

  Rule rule() {
    Rule rule;
    const std::uint8_t version = chance(2) ? 4 : 6;
    if (chance(2)) rule.match.source = addresses(version);
    if (chance(2)) rule.match.destination = addresses(version);
    std::vector<std::uint8_t>& protocols = rule.match.protocols;
    if (chance(2)) protocols = {static_cast<std::uint8_t>(random_())};
    if (chance(4) && !protocols.empty() && protocols.front() < 200) protocols.push_back(200);
    if (chance(3)) {
      protocols = chance(3) ? std::vector<std::uint8_t>{6, 17} : std::vector<std::uint8_t>{6};
      if (chance(2)) rule.match.source_ports = ports();
      if (chance(2)) rule.match.destination_ports = ports();
    }
    if (chance(4) && (protocols.empty() || protocols == std::vector<std::uint8_t>{6})) {
      const auto mask = static_cast<std::uint8_t>(random_() % 255 + 1);
      rule.match.tcp_flags = TcpFlagsMatch{mask, static_cast<std::uint8_t>(random_() & mask)};
    }
    add_numbers(rule.match);
    if (chance(3)) rule.match.state = static_cast<ConnectionState>(random_() % 4);
    rule.action = static_cast<RuleAction>(random_() % 4);
    const bool logs = rule.action == RuleAction::drop || rule.action == RuleAction::log;
    if (logs && chance(2)) rule.log_every = 2 + static_cast<std::uint32_t>(random_() % 1000);
    if (rule.action == RuleAction::drop && chance(4)) rule.log_every = 1;
    if (chance(3)) rule.description = "d\"\n\\\x01 \xc3\xa9 " + std::to_string(random_());
    if (chance(4)) rule.expires_ns = kNow + static_cast<TimestampNs>(random_() % 1'000'000 + 1) * kSecond;
    return rule;
  }

 private:
  void add_numbers(RuleMatch& match) {
    constexpr unsigned kValues[] = {256, 256, 65536, 64, 256, 4097};  // by NumberField
    if (match.source_ports.empty() && match.destination_ports.empty() && !match.tcp_flags && chance(4)) {
      match.protocols = {static_cast<std::uint8_t>(chance(2) ? 1 : 58)};
      match.source = match.destination = {};
    }
    const bool icmp = match.protocols.size() == 1 && (match.protocols[0] == 1 || match.protocols[0] == 58) &&
                      match.source.any() && match.destination.any();
    for (std::size_t field = icmp ? 0 : 2; field < std::size(kValues); ++field) {
      if (!chance(4) || (field == 1 && match.numbers[0].empty())) continue;
      for (PortRange range : ports()) {
        range.first = static_cast<std::uint16_t>(range.first % kValues[field]);
        range.last = std::max(range.first, static_cast<std::uint16_t>(range.last % kValues[field]));
        match.numbers.at(field).push_back(range);
      }
      match.numbers.at(field) = normalised(std::move(match.numbers.at(field)));
    }
  }

  bool chance(unsigned one_in) { return random_() % one_in == 0; }

  std::vector<PortRange> ports() {
    std::vector<PortRange> made;
    do {
      auto first = static_cast<std::uint16_t>(random_());
      auto last = chance(2) ? first : static_cast<std::uint16_t>(random_());
      if (last < first) std::swap(first, last);
      made.push_back({first, last});
    } while (chance(2));
    return normalised(std::move(made));
  }

  AddressRange range(std::uint8_t version) {
    const unsigned bytes = version == 6 ? 16 : 4;
    IpAddress address;
    address.version = version;
    for (std::size_t i = 0; i < bytes; ++i) {
      address.bytes[i] = static_cast<std::uint8_t>(chance(3) ? 0 : random_());
    }
    if (chance(2)) return parse_address_range(address.text() + "/" + std::to_string(random_() % (bytes * 8 + 1)));
    AddressRange range{address, address};
    const bool single = chance(2);
    for (std::size_t i = 0; i < bytes && !single; ++i) {
      range.last.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] | random_());
    }
    return range;
  }

  AddressMatch addresses(std::uint8_t version) {
    AddressMatch match;
    while (chance(2)) match.ranges.push_back(range(version));
    while (chance(3)) match.sets.push_back("set-" + std::to_string(random_() % 9));
    while (chance(3)) match.except_ranges.push_back(range(chance(2) ? 4 : 6));
    while (chance(3)) match.except_sets.push_back("set-" + std::to_string(random_() % 9));
    return match;
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("every field is parsed in each of its forms and printed in one") {
  for (const Field& field : kFields) {
    CAPTURE(field.field, field.read);
    CHECK(rewritten(field.field, field.read) == field.written);
    CHECK(rewritten(field.field, field.written) == field.written);
  }
}

TEST_CASE("a field of another form or type causes one error that names the field") {
  for (const Refused& refused : kRefused) {
    CAPTURE(refused.field, refused.value);
    const RuleErrors errors = errors_of("{\"" + std::string(refused.field) + "\": " + refused.value + "}");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].starts_with(std::string(refused.field) + ": "));
    CHECK(errors[0].find("read ") != std::string::npos);
    CHECK(errors[0].find(", allowed is ") != std::string::npos);
  }
}

TEST_CASE("a rule of the earlier system is parsed into its parts") {
  const Rule rule = good(R"({"operation": "insert", "id": 0, "l4proto":"TCP", "src":"10.0.0.100/32",
                             "dst":"10.0.0.150/24", "sport": 1000, "dport": "80-90", "tcpflags": "SYN,!ACK",
                             "conntrack": "RELATED", "action":"forward", "description": "why", "expires": "10m"})");
  CHECK(rule.match.protocols == std::vector<std::uint8_t>{6});
  CHECK(rule.match.source.ranges == std::vector{parse_address_range("10.0.0.100")});
  CHECK(rule.match.destination.ranges == std::vector{parse_address_range("10.0.0.0-10.0.0.255")});
  CHECK(rule.match.source_ports == std::vector{PortRange{1000, 1000}});
  CHECK(rule.match.destination_ports == std::vector{PortRange{80, 90}});
  CHECK(rule.match.tcp_flags == TcpFlagsMatch{0x12, 0x02});
  CHECK(rule.match.state == ConnectionState::related);
  CHECK(rule.action == RuleAction::accept);
  CHECK(rule.description == "why");
  CHECK(rule.expires_ns == kNow + 600 * kSecond);
  CHECK(rule.counter == 0);
}

TEST_CASE("terms of an address become ranges, sets or exceptions by their sign") {
  const Rule rule = good(R"({"src": ["10.0.0.0/8","!10.1.2.3","@blocked","!@allow"], "dst": ["!10.0.0.1", "!::1"]})");
  CHECK(rule.match.source.ranges == std::vector{parse_address_range("10.0.0.0/8")});
  CHECK(rule.match.source.except_ranges == std::vector{parse_address_range("10.1.2.3")});
  CHECK(rule.match.source.sets == Texts{"blocked"});
  CHECK(rule.match.source.except_sets == Texts{"allow"});
  CHECK(rule.match.destination.ranges.empty());
  CHECK(rule.match.destination.except_ranges.size() == 2);
}

TEST_CASE("a rule without fields matches anything and drops it") {
  const Rule rule = good("{}");
  CHECK(rule.match == RuleMatch{});
  CHECK(rule.action == RuleAction::drop);
  CHECK_FALSE(rule.expires_ns);
}

TEST_CASE("a rule that drops or passes says which of its packets are logged; a rule that counts logs none") {
  const auto one_of = [](const char* text) { return logged_one_of(good(text)); };
  CHECK(one_of("{}") == 0);
  CHECK(one_of(R"({"action": "log"})") == 1);
  CHECK(one_of(R"({"action": "drop", "log": true})") == 1);
  CHECK(one_of(R"({"log": {"every": 100}})") == 100);
  CHECK(one_of(R"({"action": "log", "log": {"every": 7}})") == 7);
  CHECK(one_of(R"({"action": "drop", "log": false})") == 0);
  CHECK(one_of(R"({"action": "count", "log": false})") == 0);
  CHECK(good(R"({"log": true})").action == RuleAction::drop);
  CHECK(errors_of(R"({"action": "count", "log": true})") ==
        Texts{"log: read together with action count, allowed are records with drop, accept and log only"});
  CHECK(errors_of(R"({"action": "log", "log": false})") ==
        Texts{"log: read false together with action log, allowed is that with drop and accept only"});
}

TEST_CASE("a limit is parsed in each of its forms and printed in one") {
  struct Form {
    const char* read;
    const char* written;
  };
  const Form forms[] = {
      {R"("rate": "100/s")", R"("rate":"100/s")"},
      {R"("rate": "100/second", "per": "rule")", R"("rate":"100/s")"},
      {R"("rate": " 10 / min ")", R"("rate":"10/m")"},
      {R"("rate": "1/hour", "burst": 24)", R"("rate":"1/h","burst":24)"},
      {R"("rate": "1000000000/S", "burst": "7")", R"("rate":"1000000000/s","burst":7)"},
      {R"("rate": "10mbit/s")", R"("rate":"10Mbit/s")"},
      {R"("rate": "1000000kbit/s", "burst": "64kB")", R"("rate":"1Gbit/s","burst":"64kB")"},
      {R"("rate": "1500kbit/s", "burst": "1500B")", R"("rate":"1500kbit/s","burst":"1500B")"},
      {R"("rate": "1000Gbit/s", "burst": "4000000000 bytes")", R"("rate":"1000Gbit/s","burst":"4GB")"},
      {R"("rate": "9/s", "per": "Source")", R"("rate":"9/s","per":"source")"},
      {R"("rate": "9/s", "per": "src")", R"("rate":"9/s","per":"source")"},
      {R"("rate": "9/s", "per": "DST/64")", R"("rate":"9/s","per":"destination/64")"},
      {R"("rate": "9/s", "per": "source/24/56")", R"("rate":"9/s","per":"source/24/56")"},
      {R"("rate": "9/s", "per": "src/24/64")", R"("rate":"9/s","per":"source/24/64")"},
      {R"("rate": "9/s", "per": "source/32/64")", R"("rate":"9/s","per":"source")"},
      {R"("rate": "9/s", "per": "source/64")", R"("rate":"9/s","per":"source")"},
      {R"("rate": "9/s", "per": "source/56")", R"("rate":"9/s","per":"source/56")"},
      {R"("rate": "9/s", "per": "destination/128")", R"("rate":"9/s","per":"destination")"},
      {R"("rate": "9/s", "per": "destination/1", "log": {"every": 9})",
       R"("rate":"9/s","per":"destination/1","log":{"every":9})"},
  };
  for (const Form& form : forms) {
    CAPTURE(form.read);
    const std::string once = written(good((R"({"action": "limit", )" + std::string(form.read) + "}").c_str()));
    CHECK(once == R"({"id":0,"action":"limit",)" + std::string(form.written) + "}");
    CHECK(written(good(once.c_str())) == once);
  }
}

TEST_CASE("a limit that says no rate, or one that cannot be kept, is refused with what is allowed") {
  const auto error_of = [](const std::string& fields) {
    const RuleErrors errors = errors_of(R"({"action": "limit")" + fields + "}");
    return errors.size() == 1 ? errors[0] : std::to_string(errors.size()) + " errors";
  };
  CHECK(error_of("").starts_with("rate: missing, allowed is packets per s, m or h (\"100/s\""));
  for (const char* rate : {"\"0/s\"", "\"100\"", "100", "\"100/d\"", "\"/s\"", "\"-1/s\"", "\"1.5/s\"",
                           "\"1000000001/s\"", "\"10Mbit/m\"", "\"10Mb/s\"", "\"10MB/s\"", "\"1bit/s\"",
                           "\"1001Gbit/s\"", "\"10xbit/s\"", "\"99999999999999999999/s\"", "\"\""}) {
    CAPTURE(rate);
    CHECK(error_of(std::string(R"(, "rate": )") + rate).starts_with("rate: read "));
  }
  CHECK(error_of(R"(, "rate": "1Mbit/s", "burst": 20)") ==
        "burst: read 20 with rate 1Mbit/s, allowed are bytes with their unit (\"64kB\")");
  for (const char* burst :
       {"0", "-1", "1.5", "\"\"", "\"64k\"", "\"64kb\"", "\"64 kB x\"", "4000000001", "\"5GB\"", "[]"}) {
    CAPTURE(burst);
    CHECK(error_of(std::string(R"(, "rate": "1Gbit/s", "burst": )") + burst).starts_with("burst: read "));
  }
  for (const char* per : {"\"host\"", "\"rule/8\"", "\"source/0\"", "\"source/129\"", "\"source/\"", "\"/64\"", "5",
                          "\"source/33/64\"", "\"source/0/64\"", "\"source/24/\"", "\"source/8/24/56\""}) {
    CAPTURE(per);
    CHECK(error_of(std::string(R"(, "rate": "1/s", "per": )") + per).starts_with("per: read "));
  }
  CHECK(error_of(R"(, "rate": "1/h", "burst": 25)") ==
        "burst: read 25 with rate 1/h, allowed is what the rate gives in a day at most");
  CHECK(error_of(R"(, "rate": "1/s", "burst": "20B")") ==
        "burst: read \"20B\" with rate 1/s, allowed is a number of packets");
  CHECK(errors_of(R"({"action": "drop", "rate": "1/s", "burst": 5, "per": "source"})") ==
        Texts{"rate: read together with action drop, allowed is that with action limit only",
              "burst: read together with action drop, allowed is that with action limit only",
              "per: read together with action drop, allowed is that with action limit only"});
}

TEST_CASE("a limit without burst has a tenth of a second's worth, and enough for a few packets") {
  const auto burst = [](const std::string& rate) {
    return good((R"({"action": "limit", "rate": ")" + rate + "\"}").c_str()).limit->burst_of();
  };
  CHECK(burst("1/h") == 5);
  CHECK(burst("50/s") == 5);
  CHECK(burst("1000/s") == 100);
  CHECK(burst("6000/m") == 10);
  CHECK(burst("1Mbit/s") == 65536);
  CHECK(burst("1Gbit/s") == 12'500'000);
}

TEST_CASE("a rule that passes and logs has one form") {
  const auto form = [](const char* text) { return written(good(text)); };
  const std::string log = form(R"({"action": "log"})");
  CHECK(log == R"({"id":0,"action":"log"})");
  CHECK(form(R"({"action": "accept", "log": true})") == log);
  CHECK(form(R"({"action": "forward", "log": {"every": 1}})") == log);
  CHECK(form(R"({"action": "log", "log": true})") == log);
  CHECK(form(R"({"action": "accept", "log": {"every": 9}})") == R"({"id":0,"action":"log","log":{"every":9}})");
  CHECK(form(R"({"log": true, "description": "d"})") == R"({"id":0,"action":"drop","log":true,"description":"d"})");
}

TEST_CASE("an error names the field, the value and the allowed values") {
  CHECK(errors_of(R"({"sport": "http"})") ==
        Texts{"sport: read \"http\", allowed is a port (0 to 65535), a range of ports from the lower to the higher "
              "(\"1000-2000\", \"1000-\"), or a list of these"});
  CHECK(errors_of(R"({"conntrack": "old"})") ==
        Texts{"conntrack: read \"old\", allowed is NEW, ESTABLISHED, RELATED or INVALID"});
  CHECK(errors_of(R"({"tcpflags": "SYN,!syn"})") ==
        Texts{"tcpflags: read \"SYN,!syn\", allowed is one or more of SYN, FIN, ACK, RST, PSH, URG, CWR, ECE with "
              "commas between, \"!\" before those that are not set, none both ways"});
  CHECK(errors_of(R"({"src": "10.0.0.300"})")[0].starts_with("src: read \"10.0.0.300\" (no address), allowed is"));
}

TEST_CASE("a value that is misspelt gets the name that was probably meant") {
  const auto ends = [](const std::string& fields, const std::string& meant) {
    INFO(fields);
    CHECK_THAT(errors_of(fields).at(0), Catch::EndsWith(meant.empty() ? "" : "; did you mean '" + meant + "'?"));
    if (meant.empty()) CHECK_THAT(errors_of(fields).at(0), !Catch::Contains("did you mean"));
  };
  ends(R"({"l4proto": "TPC"})", "TCP");
  ends(R"({"l4proto": "UDP,icmp6"})", "ICMPv6");
  ends(R"({"conntrack": "ESTABLISHD"})", "ESTABLISHED");
  ends(R"({"conntrack": "est"})", "ESTABLISHED");
  ends(R"({"tcpflags": "SYN,!AKC"})", "ACK");
  ends(R"({"action": "deny"})", "drop");
  ends(R"({"dscp": "af4l"})", "af41");
  ends(R"({"l4proto": "ICMP", "icmptype": "echo-reqest"})", "echo-request");
  ends(R"({"l4proto": "ICMP", "icmptype": 5, "icmpcode": "host-redirct"})", "host-redirect");
  ends(R"({"action": "limit", "rate": "1/s", "per": "saddr"})", "source");
  ends(R"({"action": "limit", "rate": "1/s", "per": "destinaton"})", "destination");
  ends(R"({"l4proto": 300})", "");
  ends(R"({"l4proto": "quic"})", "");
  ends(R"({"dport": "http"})", "");
}

TEST_CASE("every error of a rule is reported") {
  const RuleErrors errors = errors_of(
      R"({"src": ["10.0.0.256", 5, "@x y"], "dst": "x", "l4proto": "x", "sport": -1, "action": "x", "extra": 1})");
  REQUIRE(errors.size() == 8);
  const char* const fields[] = {"src: ", "src: ", "src: ", "dst: ", "l4proto: ", "sport: ", "action: ", "\"extra\": "};
  for (std::size_t i = 0; i < errors.size(); ++i) CHECK(errors[i].starts_with(fields[i]));
}

TEST_CASE("ports are allowed only with TCP, UDP or no protocol") {
  CHECK(errors_of(R"({"sport": 80})").empty());
  CHECK(errors_of(R"({"dport": 80, "l4proto": "UDP"})").empty());
  CHECK(errors_of(R"({"sport": 1, "dport": "80-90", "l4proto": "ICMP"})") ==
        Texts{"sport: read 1 together with l4proto ICMP, allowed are ports with TCP or UDP only",
              "dport: read 80-90 together with l4proto ICMP, allowed are ports with TCP or UDP only"});
  CHECK(errors_of(R"({"sport": 80, "l4proto": 200})") ==
        Texts{"sport: read 80 together with l4proto 200, allowed are ports with TCP or UDP only"});
}

TEST_CASE("ICMP types and codes are names or numbers of one protocol") {
  const auto fields = [](const std::string& text) {
    nlohmann::ordered_json made = rule_json(good(text), 0, kNow);
    return made["icmptype"].dump() + " " + made["icmpcode"].dump();
  };
  CHECK(fields(R"({"l4proto": "ICMP", "icmptype": "echo-request"})") == R"("echo-request" null)");
  CHECK(fields(R"({"l4proto": 1, "icmptype": 8})") == R"("echo-request" null)");
  CHECK(fields(R"({"l4proto": "icmp", "icmptype": "PONG,ping,ttl-exceeded"})") ==
        R"("echo-reply,echo-request,time-exceeded" null)");
  CHECK(fields(R"({"l4proto": "ICMPv6", "icmptype": "echo-request"})") == R"("echo-request" null)");
  CHECK(good(R"({"l4proto": "ICMPv6", "icmptype": "echo-request"})").match.numbers[0] == NumberRanges{{128, 128}});
  CHECK(fields(R"({"l4proto": "ICMPv6", "icmptype": "neighbour-solicitation,nd-neighbor-advert,1"})") ==
        R"("destination-unreachable,135-136" null)");
  CHECK(fields(R"({"l4proto": "ICMP", "icmptype": [3], "icmpcode": "port-unreachable,frag-needed"})") ==
        R"("destination-unreachable" "3-4")");
  CHECK(fields(R"({"l4proto": "ICMP", "icmptype": 3, "icmpcode": 3})") ==
        R"("destination-unreachable" "port-unreachable")");
  CHECK(fields(R"({"l4proto": "ICMPv6", "icmptype": 1, "icmpcode": 4})") ==
        R"("destination-unreachable" "port-unreachable")");
  CHECK(fields(R"({"l4proto": "ICMP", "icmptype": 11, "icmpcode": 1})") ==
        R"("time-exceeded" "ttl-zero-during-reassembly")");
  CHECK(fields(R"({"l4proto": "ICMP", "icmptype": "redirect", "icmpcode": "host-redirect"})") ==
        R"("redirect" "host-redirect")");
  CHECK(fields(R"({"l4proto": "ICMP", "icmptype": "3,5", "icmpcode": 1})") ==
        R"("destination-unreachable,redirect" 1)");
  CHECK(fields(R"({"l4proto": "ICMPv6", "icmptype": 4, "icmpcode": "unknown-option,0"})") ==
        R"("parameter-problem" "bad-header,unknown-option")");
  CHECK(fields(R"({"l4proto": "ICMP", "icmptype": "9-40"})") == R"("9-40" null)");
}

TEST_CASE("ICMP types and codes that no packet can have are refused") {
  CHECK(errors_of(R"({"icmptype": "echo-request"})") ==
        Texts{"icmptype: read \"echo-request\" without l4proto, allowed are types and codes with l4proto ICMP or "
              "ICMPv6, one of them alone"});
  CHECK(errors_of(R"({"icmptype": 8, "l4proto": "ICMP,ICMPv6"})") ==
        Texts{"icmptype: read 8 together with l4proto ICMP,ICMPv6, allowed are types and codes with l4proto ICMP or "
              "ICMPv6, one of them alone"});
  CHECK(errors_of(R"({"icmptype": 8, "l4proto": "TCP"})").size() == 1);
  CHECK(errors_of(R"({"icmpcode": 1, "l4proto": "ICMP"})") ==
        Texts{"icmpcode: read 1 without icmptype, allowed is a code together with its type"});
  CHECK(errors_of(R"({"icmptype": 8, "l4proto": "ICMP", "src": "2001:db8::/32"})") ==
        Texts{"icmptype: read together with l4proto ICMP and addresses of the other family only, allowed are ICMP with "
              "IPv4 and ICMPv6 with IPv6"});
  CHECK(errors_of(R"({"icmptype": 128, "l4proto": "ICMPv6", "dst": "10.0.0.0/8"})").size() == 1);
  CHECK(errors_of(R"({"icmptype": 128, "l4proto": "ICMPv6", "dst": ["10.0.0.0/8", "::1"]})").empty());
  CHECK(errors_of(R"({"icmptype": "nd-redirect", "l4proto": "ICMP"})").size() == 1);
  CHECK_THAT(errors_of(R"({"icmptype": "port-unreachable", "l4proto": "ICMP"})").at(0),
             Catch::EndsWith("did you mean icmptype destination-unreachable with icmpcode port-unreachable?"));
  CHECK_THAT(errors_of(R"({"icmptype": "host-redirect", "l4proto": "ICMP"})").at(0),
             Catch::EndsWith("did you mean icmptype redirect with icmpcode host-redirect?"));
  CHECK_THAT(errors_of(R"({"icmptype": "redirect", "icmpcode": "port-unreachable", "l4proto": "ICMP"})").at(0),
             Catch::EndsWith("allowed is the name of a code of the rule's icmptype"));
  CHECK_THAT(errors_of(R"({"hoplimit": 1})").at(0), Catch::EndsWith("did you mean 'ttl'?"));
  CHECK_THAT(errors_of(R"({"tos": 1})").at(0), Catch::EndsWith("did you mean 'dscp'?"));
  CHECK_THAT(errors_of(R"({"vlan_id": 1})").at(0), Catch::EndsWith("did you mean 'vlan'?"));
}

TEST_CASE("each protocol of a list is one with which ports or flags are allowed") {
  CHECK(errors_of(R"({"dport": "80,443", "l4proto": "TCP,UDP"})").empty());
  CHECK(errors_of(R"({"dport": "80,443", "l4proto": "TCP,UDP,SCTP"})") ==
        Texts{"dport: read 80,443 together with l4proto SCTP, allowed are ports with TCP or UDP only"});
  CHECK(errors_of(R"({"tcpflags": "SYN", "l4proto": ["TCP", "UDP"]})") ==
        Texts{"tcpflags: read \"SYN\" together with l4proto UDP, allowed are flags with TCP only"});
}

TEST_CASE("TCP flags are allowed only with TCP or no protocol") {
  CHECK(errors_of(R"({"tcpflags": "SYN", "l4proto": "tcp"})").empty());
  CHECK(good(R"({"tcpflags": "SYN"})").match.protocols.empty());
  CHECK(errors_of(R"({"tcpflags": "!ack,syn", "l4proto": "UDP"})") ==
        Texts{"tcpflags: read \"SYN,!ACK\" together with l4proto UDP, allowed are flags with TCP only"});
}

TEST_CASE("source and destination of different families are an error, mixed families are not") {
  CHECK(errors_of(R"({"src": "10.0.0.1", "dst": "::1"})") ==
        Texts{"dst: read addresses of IPv6 only together with src of IPv4 only, allowed are families that can meet in "
              "a packet"});
  CHECK(errors_of(R"({"src": ["::1", "::2"], "dst": ["10.0.0.1", "!::5"]})").size() == 1);
  CHECK(errors_of(R"({"src": "10.0.0.1", "dst": ["::1", "10.0.0.2"]})").empty());
  CHECK(errors_of(R"({"src": "10.0.0.1", "dst": ["::1", "@set"]})").empty());
  CHECK(errors_of(R"({"src": "10.0.0.1", "dst": "!::1"})").empty());
  CHECK(errors_of(R"({"src": "10.0.0.1"})").empty());
}

TEST_CASE("an invalid field causes no second error of consistency") {
  CHECK(errors_of(R"({"sport": 80, "l4proto": "ICMPP"})").size() == 1);
  CHECK(errors_of(R"({"src": ["10.0.0.1", "x"], "dst": "::1"})").size() == 1);
}

TEST_CASE("a rule that is not an object is an error") {
  for (const char* text : {"5", "null", "[]", "\"drop\"", "[{}]"}) {
    CAPTURE(text);
    CHECK(errors_of(text).size() == 1);
  }
}

TEST_CASE("a value nested to any depth is an error like any other", "[slow]") {
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  CHECK(errors_of(R"({"src": )" + deep + "}") == Texts{"src: read a list, allowed is an address, a prefix, a range, "
                                                       "\"@\" and a set's name, \"!\" and one of these, or a list of "
                                                       "them"});
  CHECK(errors_of(R"({"sport": )" + deep + "}").size() == 1);
  CHECK(errors_of(deep).size() == 1);
}

TEST_CASE("a printed rule parses to the same rule") {
  RuleMaker maker(20);
  for (int i = 0; i < testing::tries(50'000, 2'000); ++i) {
    const Rule rule = maker.rule();
    const std::string text = written(rule);
    CAPTURE(text);
    RuleErrors errors;
    const Rule again = parse_rule(json::parse(text), kNow, errors);
    REQUIRE(errors.empty());
    REQUIRE(again.match == rule.match);
    REQUIRE(again.action == rule.action);
    REQUIRE(again.log_every == rule.log_every);
    REQUIRE(again.description == rule.description);
    REQUIRE(again.expires_ns == rule.expires_ns);
  }
}

TEST_CASE("a rule's fields are printed in the order of the earlier system, without missing ones") {
  CHECK(written(good(R"({"expires": 60, "description": "d", "action": "accept", "conntrack": "new", "tcpflags": "syn",
                         "dport": 2, "sport": "1", "l4proto": "tcp", "dst": "10.0.0.2", "src": "10.0.0.1"})")) ==
        R"({"id":0,"src":"10.0.0.1/32","dst":"10.0.0.2/32","l4proto":"TCP","sport":1,"dport":2,"tcpflags":"SYN",)"
        R"("conntrack":"NEW","action":"forward","description":"d","expires":"60s"})");
  CHECK(rule_json(good("{}"), 7, kNow).dump() == R"({"id":7,"action":"drop"})");
}

TEST_CASE("the remaining time is rounded up, and never below 0") {
  Rule rule;
  const auto left = [&rule](TimestampNs ns) {
    rule.expires_ns = kNow + ns;
    return rule_json(rule, 0, kNow)["expires"].get<std::string>();
  };
  CHECK(left(598 * kSecond) == "598s");
  CHECK(left(597 * kSecond + 1) == "598s");
  CHECK(left(1) == "1s");
  CHECK(left(0) == "0s");
  CHECK(left(-5 * kSecond) == "0s");
}

TEST_CASE("a chain without rules is printed as in the README of the earlier system") {
  CHECK(chain_text("Egress", {}, kNow) ==
        "Egress rules:\n\t{\"id\": 0, \"action\": \"forward\", \"description\": \"Default Policy\"}\n");
}

TEST_CASE("a chain is printed exactly as by the earlier script, with the default policy last") {
  ChainRules chain;
  chain.rules.push_back(good(R"({"l4proto":"ICMP", "src":"10.0.0.11/32", "dst":"10.0.0.12/24", "action":"drop"})"));
  chain.rules.push_back(good(
      R"({"src": ["10.0.0.0/8", "@a"], "sport": 5, "description": "caf\u00e9 \"\n\t\u0001\u007f\\\/\ud83d\ude00"})"));
  chain.default_action = RuleAction::drop;
  CHECK(chain_text("Ingress", chain, kNow) ==
        "Ingress rules:\n"
        "\t{\"id\": 0, \"src\": \"10.0.0.11/32\", \"dst\": \"10.0.0.0/24\", \"l4proto\": \"ICMP\", \"action\": "
        "\"drop\"}\n"
        "\t{\"id\": 1, \"src\": [\"10.0.0.0/8\", \"@a\"], \"sport\": 5, \"action\": \"drop\", \"description\": "
        "\"caf\\u00e9 \\\"\\n\\t\\u0001\\u007f\\\\/\\ud83d\\ude00\"}\n"
        "\t{\"id\": 2, \"action\": \"drop\", \"description\": \"Default Policy\"}\n");
}

TEST_CASE("the default policy of a chain of ten rules has the id 10") {
  ChainRules chain;
  chain.rules.resize(10);
  CHECK(chain_text("Ingress", chain, kNow)
            .ends_with("\n\t{\"id\": 10, \"action\": \"forward\", \"description\": \"Default Policy\"}\n"));
}

}  // namespace nicsentry::firewall_rule_text_test
