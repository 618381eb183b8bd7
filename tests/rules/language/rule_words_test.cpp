// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/rule_words.h"

namespace nicsentry::rule_words_test {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

std::string read(const Words& words) { return read_rule_words(words).dump(); }

std::string error_of(const Words& words) {
  try {
    return "read as " + read(words);
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("words of a rule are an action and fields, in any order and case") {
  CHECK(read({"drop", "src=10.0.0.0/8", "l4proto=tcp", "dport=22"}) ==
        R"({"action":"drop","dport":"22","l4proto":"tcp","src":"10.0.0.0/8"})");
  CHECK(read({"L4Proto=47", "Accept"}) == R"({"action":"Accept","l4proto":"47"})");
  CHECK(read({"action=count", "tcpflags=SYN,!ACK"}) == R"({"action":"count","tcpflags":"SYN,!ACK"})");
  CHECK(read({"log"}) == R"({"action":"log"})");
  CHECK(read({"drop", "log", "src=10.0.0.0/8"}) == R"({"action":"drop","log":true,"src":"10.0.0.0/8"})");
  CHECK(read({"log", "drop"}) == R"({"action":"drop","log":true})");
  CHECK(read({"drop", "log=100"}) == R"({"action":"drop","log":{"every":100}})");
  CHECK(read({"drop", "log=false"}) == R"({"action":"drop","log":false})");
}

TEST_CASE("commas make a list of addresses and of interfaces, and are left to the others") {
  CHECK(read({"drop", "src=@office, !192.0.2.1,2001:db8::/32", "in=eth0,!eth1"}) ==
        R"({"action":"drop","in":["eth0","!eth1"],"src":["@office","!192.0.2.1","2001:db8::/32"]})");
  CHECK(read({"drop", "description=a, b = c", "expires=1h30m"}) ==
        R"({"action":"drop","description":"a, b = c","expires":"1h30m"})");
}

TEST_CASE("an error names the word that is wrong and what was meant") {
  CHECK_THAT(error_of({"drop", "dprot=22"}),
             Catch::StartsWith("\"dprot\": unknown field, allowed are in, out, src, ") &&
                 Catch::EndsWith("; did you mean 'dport'?"));
  CHECK_THAT(error_of({"drop", "mark=22"}), Catch::EndsWith("description, expires"));
  CHECK(error_of({"dorp", "dport=22"}) ==
        "\"dorp\": allowed are an action (drop, accept, log, count or limit) and FIELD=VALUE words; did you mean "
        "'drop'?");
  CHECK(error_of({"drop", "dport", "22"}) ==
        "\"dport\": allowed is dport=VALUE, in one word\n"
        "\"22\": allowed are an action (drop, accept, log, count or limit) and FIELD=VALUE words");
  CHECK(error_of({"drop", "10.0.0.0/8"}) ==
        "\"10.0.0.0/8\": allowed is an address with its field, src=10.0.0.0/8 or dst=10.0.0.0/8");
  CHECK(error_of({"drop", "@bad"}) == "\"@bad\": allowed is an address with its field, src=@bad or dst=@bad");
  CHECK(error_of({"drop", "egress"}) == "\"egress\": allowed is --egress for the egress chain, nothing for ingress");
  CHECK(error_of({"dport=22"}) == "action: missing, allowed is drop, accept, log, count or limit");
  CHECK(error_of({"drop", "accept"}) == "action: read twice, allowed is once, several values with commas between");
  CHECK(error_of({"drop", "log", "log"}) == "action: read twice, allowed is once, several values with commas between");
  CHECK_THAT(error_of({"drop", "log=much"}), Catch::StartsWith("log: read \"much\", allowed "));
  CHECK(error_of({"drop", "src=10.0.0.1", "SRC=10.0.0.2"}) ==
        "src: read twice, allowed is once, several values with commas between");
}

TEST_CASE("words of other tools are answered with ours") {
  for (const auto& [theirs, ours] : std::vector<std::pair<std::string, std::string>>{{"proto=tcp", "l4proto"},
                                                                                     {"saddr=10.0.0.1", "src"},
                                                                                     {"--daddr=10.0.0.1", "dst"},
                                                                                     {"Dst-IP=10.0.0.1", "dst"},
                                                                                     {"iifname=eth0", "in"},
                                                                                     {"ctstate=new", "conntrack"},
                                                                                     {"timeout=1h", "expires"},
                                                                                     {"port=22", "dport' or 'sport"}}) {
    CHECK_THAT(error_of({"drop", theirs}), Catch::EndsWith("; did you mean '" + ours + "'?"));
  }
  CHECK_THAT(error_of({"deny", "dport=22"}), Catch::EndsWith("; did you mean 'drop'?"));
  CHECK_THAT(error_of({"REJECT"}), Catch::EndsWith("; did you mean 'drop'?"));
  CHECK_THAT(error_of({"allow"}), Catch::EndsWith("; did you mean 'accept'?"));
  CHECK_THAT(error_of({"action=permit"}), Catch::EndsWith("; did you mean 'accept'?"));
  CHECK(error_of({"drop", "tcp"}) == "\"tcp\": allowed is a value with its field, l4proto=tcp");
  CHECK(error_of({"accept", "new"}) == "\"new\": allowed is a value with its field, conntrack=new");
}

TEST_CASE("values are judged as in a file, all errors at once") {
  CHECK_THAT(
      error_of({"drop", "src=10.0.0.300", "dport=http"}),
      Catch::Contains("src: read \"10.0.0.300\" (") && Catch::Contains("\ndport: read \"http\", allowed is a port"));
  CHECK_THAT(error_of({"drop", "l4proto=icmp", "dport=22"}),
             Catch::StartsWith("dport: read 22 together with l4proto ICMP"));
  CHECK_THAT(error_of({"drop", "src="}), Catch::StartsWith("src: read \"\" ("));
  CHECK_THAT(error_of({"drop", "src=10.0.0.1,"}), Catch::StartsWith("src: read \"\" ("));
}

TEST_CASE("each field and action may begin a word") {
  const Words beginnings = rule_word_beginnings();
  CHECK(beginnings.size() == 6 + rule_fields().size() - 1);
  CHECK(beginnings.front() == "drop");
  CHECK(beginnings.back() == "expires=");
}

}  // namespace nicsentry::rule_words_test
