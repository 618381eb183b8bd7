// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/address_list.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "host/base/error.h"

namespace nicsentry::address_list_test {
namespace {

using Catch::Matchers::Contains;
using Texts = std::vector<std::string>;

AddressList read(const std::string& content) {
  std::istringstream input(content);
  return read_address_list(input, "a.netset");
}

// With lifetimes: "10.0.0.1 60s". Throws where a line is wrong.
Texts list(const std::string& content) {
  const AddressList read_list = read(content);
  require_no_wrong_line(read_list, "a.netset");
  Texts texts;
  for (const ListEntry& entry : read_list.entries) {
    const auto seconds = entry.lifetime ? std::chrono::duration_cast<std::chrono::seconds>(*entry.lifetime).count() : 0;
    texts.push_back(entry.range.text() + (entry.lifetime ? " " + std::to_string(seconds) + "s" : ""));
  }
  return texts;
}

}  // namespace

TEST_CASE("a list has one entry on each line; comments, blanks, empty lines and the kind of line ends do not matter") {
  const auto read = list(
      "# a list\r\n"
      "; another\n"
      "\r\n"
      "10.0.0.1\r\n"
      "  10.1.0.0/16 \t # why\n"
      "1.10.16.0/20 ; SBL256894\n"
      "10.0.0.1 - 10.0.0.9;\n"
      "2001:db8::/32#\n"
      "   \n"
      "10.0.0.1");
  CHECK(read == std::vector<std::string>{"10.0.0.1", "10.1.0.0/16", "1.10.16.0/20", "10.0.0.1-10.0.0.9",
                                         "2001:db8::/32", "10.0.0.1"});
  CHECK(list("").empty());
  CHECK(list("\n\n#\n").empty());
  CHECK(list("\xef\xbb\xbf"
             "10.0.0.1\n") == std::vector<std::string>{"10.0.0.1"});
}

TEST_CASE("the error of a list names every wrong line") {
  CHECK_THROWS_WITH(list("10.0.0.1\nhost\r\n\n10.0.0.0/40 # x\n::1\n"),
                    "list of addresses 'a.netset': 2 wrong lines; allowed is an address, a prefix or a range on each "
                    "line, and comments after '#' or ';'\n"
                    "  line 2: read \"host\" (no address)\n"
                    "  line 4: read \"10.0.0.0/40 # x\" (a prefix's length is 0 to 32)");
}

TEST_CASE("the error of a list names the first 20 wrong lines and counts the others") {
  std::string content;
  for (int i = 0; i < 25; ++i) content += "bad\n";
  CHECK_THROWS_WITH(list(content), Contains(": 25 wrong lines;") && Contains("\n  line 20: ") && !Contains("line 21") &&
                                       Contains("\n  and 5 more"));
}

TEST_CASE("a read error of a list is an error, not an empty list") {
  struct Failing : std::streambuf {
    int_type underflow() override { throw Error("disk"); }
  };
  Failing buffer;
  std::istream input(&buffer);
  CHECK_THROWS_WITH(read_address_list(input, "a.netset"), Catch::Contains("reading a.netset"));
}

TEST_CASE("a list of a million lines is read", "[slow]") {
  std::string content;
  for (unsigned i = 0; i < 1'000'000; ++i) {
    content += std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255) + ".7\n";
  }
  const AddressList large = read(content);
  CHECK(large.wrong == 0);
  REQUIRE(large.entries.size() == 1'000'000);
  CHECK(large.entries[999'999].range.text() == "15.66.63.7");
}

TEST_CASE("the output of ipset save is read, with its timeouts") {
  CHECK(list("create bl hash:net family inet hashsize 1024 maxelem 65536 timeout 0\n"
             "add bl 203.0.113.0/24\n"
             "add bl 198.51.100.7 timeout 86390 packets 3 bytes 180 comment \"a # b; timeout x\"\n"
             "add bl 198.51.100.8 timeout 0\n"
             "add bl 198.51.100.9-198.51.100.12\n"
             "COMMIT\n") ==
        Texts{"203.0.113.0/24", "198.51.100.7 86390s", "198.51.100.8", "198.51.100.9-198.51.100.12"});
  CHECK_THROWS_WITH(list("add a 10.0.0.1\nadd b 10.0.0.2\n"),
                    Contains("line 2: read \"add b 10.0.0.2\" (of another set than the lines before)"));
  CHECK_THROWS_WITH(list("create a hash:ip\ncreate b hash:ip\n"), Contains("line 2: ") && Contains("another set"));
  CHECK_THROWS_WITH(list("add a 10.0.0.0/8 nomatch\n"), Contains("nomatch"));
  CHECK_THROWS_WITH(list("add a 10.0.0.1,tcp:80\n"), Contains("line 1: ") && Contains("no address"));
  CHECK_THROWS_WITH(list("add a\n"), Contains("line 1: "));
  for (const char* timeout : {"-1", "x", "", "99999999999"}) {
    CHECK_THROWS_WITH(list("add a 10.0.0.1 timeout " + std::string(timeout) + "\n"), Contains("a timeout is"));
  }
}

TEST_CASE("ranges with a name before them are read, and no wrong address is taken for a name") {
  CHECK(list("Some Org:203.0.113.0-203.0.113.255\n"
             "name: with: colons:10.0.0.1-10.0.0.9\n"
             "Cafe:10.0.0.1-10.0.0.1\n"
             ":10.0.0.3-10.0.0.4\n") == Texts{"203.0.113.0/24", "10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.3-10.0.0.4"});
  for (const char* wrong : {"2001:db8::1.2.3.4-5.6.7.8", "1:2:10.0.0.1-10.0.0.2", "Org:10.0.0.1",
                            "Org:10.0.0.9-10.0.0.1", "Org:10.0.0.0/8", "Org 10.0.0.1-10.0.0.2"}) {
    CAPTURE(wrong);
    CHECK_THROWS_WITH(list(wrong), Contains("line 1: "));
  }
}

TEST_CASE("DShield's columns are read: first and last address, separated by tabs") {
  CHECK(list("# DShield.org Recommended Block List\n"
             "Start\tEnd\tNetmask\tAttacks\tName\tCountry\temail\n"
             "203.0.113.0\t203.0.113.255\t24\t1234\tname\tXX\ta@example.org\n"
             "198.51.100.0\t198.51.100.127\t25\n") == Texts{"203.0.113.0/24", "198.51.100.0/25"});
  for (const char* wrong :
       {"203.0.113.0\tname", "203.0.113.9\t203.0.113.1\t24", "203.0.113.0\t203.0.113.255\t16",
        "203.0.113.0\t203.0.113.255\t33", "203.0.113.0\t203.0.113.255\tx", "\t203.0.113.1\t24", "Start\tX"}) {
    CAPTURE(wrong);
    CHECK_THROWS_WITH(list(wrong), Contains("line 1: "));
  }
}

TEST_CASE("a JSON object a line with \"cidr\" is read, as Spamhaus publishes its lists") {
  CHECK(list("{\"cidr\":\"203.0.113.0/24\",\"sblid\":\"SBL1; #2\",\"rir\":\"arin\"}\n"
             "{\"cidr\":\"2001:db8::/32\",\"sblid\":\"SBL2\"}\n"
             "{\"type\":\"metadata\",\"timestamp\":1}\n") == Texts{"203.0.113.0/24", "2001:db8::/32"});
  for (const char* wrong : {"{\"cidr\":7}", "{\"cidr\":\"x\"}", "{\"cidr\":\"10.0.0.1\"", "{\"asn\":1}", "{}",
                            "{\"cidr\":\"10.0.0.0/8\",\"cidr\":\"0.0.0.0/0\"}"}) {
    CAPTURE(wrong);
    CHECK_THROWS_WITH(list(wrong), Contains("line 1: "));
  }
}

TEST_CASE("a wrong line is quoted as it stands, with its comment") {
  CHECK_THROWS_WITH(list("10.0.0.300\t# the \"bad\" \\one"),
                    Contains("line 1: read \"10.0.0.300 # the \"bad\" \\one\" ("));
  CHECK_THROWS_WITH(list("10.0.0.300 # \x1b[2J"), Contains("read \"10.0.0.300 # ?[2J\""));
  CHECK_THROWS_WITH(list("10.0.0.300 # \xc3\xbc"), Contains("read \"10.0.0.300 # \\u00fc\""));
  const std::string comment(150, 'x');
  CHECK_THROWS_WITH(list("10.0.0.300 # " + comment), Contains("# " + comment + "\" ("));
}

TEST_CASE("wrong lines are counted and named beside the entries of the others") {
  const AddressList read_list = read("942.180.233.122\n203.0.113.7\n");
  REQUIRE(read_list.entries.size() == 1);
  CHECK(read_list.entries.front().range.text() == "203.0.113.7");
  CHECK(read_list.wrong == 1);
  CHECK(read_list.wrong_lines == "\n  line 1: read \"942.180.233.122\" (no address)");
}

}  // namespace nicsentry::address_list_test
