// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "host/base/error.h"
#include "host/rules/language/address_text.h"

namespace nicsentry::firewall_address_text_test {
namespace {

using Catch::Matchers::Contains;

IpAddress address(const std::string& text) {
  IpAddress address;
  address.version = text.find(':') == std::string::npos ? 4 : 6;
  REQUIRE(inet_pton(address.version == 6 ? AF_INET6 : AF_INET, text.c_str(), address.bytes.data()) == 1);
  return address;
}

AddressRange range(const std::string& first, const std::string& last) { return {address(first), address(last)}; }

std::vector<std::string> texts(const std::vector<AddressRange>& ranges) {
  std::vector<std::string> texts;
  texts.reserve(ranges.size());
  for (const auto& range : ranges) texts.push_back(range.text());
  return texts;
}

// Returns the next address; wraps around after the last one.
IpAddress following(IpAddress address) {
  for (std::size_t i = address.version == 6 ? 16 : 4; i > 0; --i) {
    if (++address.bytes[i - 1] != 0) break;
  }
  return address;
}

struct Good {
  const char* text;
  const char* first;
  const char* last;
  const char* written;
};
const Good kGood[] = {
    {"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"},
    {"10.0.0.1/32", "10.0.0.1", "10.0.0.1", "10.0.0.1"},
    {"10.0.0.150/24", "10.0.0.0", "10.0.0.255", "10.0.0.0/24"},
    {"10.0.0.150/25", "10.0.0.128", "10.0.0.255", "10.0.0.128/25"},
    {"10.255.0.7/9", "10.128.0.0", "10.255.255.255", "10.128.0.0/9"},
    {"200.1.2.3/1", "128.0.0.0", "255.255.255.255", "128.0.0.0/1"},
    {"1.2.3.4/0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
    {"0.0.0.0-255.255.255.255", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
    {"203.0.113.7/255.255.255.0", "203.0.113.0", "203.0.113.255", "203.0.113.0/24"},
    {"203.0.113.7/255.255.255.255", "203.0.113.7", "203.0.113.7", "203.0.113.7"},
    {"203.0.113.7/0.0.0.0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
    {"203.0.113.7/255.255.128.0", "203.0.0.0", "203.0.127.255", "203.0.0.0/17"},
    {"10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9", "10.0.0.1-10.0.0.9"},
    {" 10.0.0.1 - 10.0.0.9\t", "10.0.0.1", "10.0.0.9", "10.0.0.1-10.0.0.9"},
    {"10.0.0.0-10.0.0.1", "10.0.0.0", "10.0.0.1", "10.0.0.0/31"},
    {"10.0.0.1-10.0.0.2", "10.0.0.1", "10.0.0.2", "10.0.0.1-10.0.0.2"},
    {"10.0.0.5-10.0.0.5", "10.0.0.5", "10.0.0.5", "10.0.0.5"},
    {"2001:DB8::1", "2001:db8::1", "2001:db8::1", "2001:db8::1"},
    {"2001:db8::1/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32"},
    {"2001:db8::ff/121", "2001:db8::80", "2001:db8::ff", "2001:db8::80/121"},
    {"::5/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
    {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
    {"::1/128", "::1", "::1", "::1"},
    {"::ffff:1.2.3.4", "1.2.3.4", "1.2.3.4", "1.2.3.4"},
    {"::ffff:1.2.3.4/120", "1.2.3.0", "1.2.3.255", "1.2.3.0/24"},
    {"::ffff:1.2.3.4/128", "1.2.3.4", "1.2.3.4", "1.2.3.4"},
    {"::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", "10.0.0.0/8"},
    {"::ffff:128.0.0.0/97", "128.0.0.0", "255.255.255.255", "128.0.0.0/1"},
    {"::ffff:0:0/95", "::fffe:0:0", "::ffff:255.255.255.255", "::fffe:0:0/95"},
    {"::ffff:1.2.3.4-::ffff:1.2.3.9", "1.2.3.4", "1.2.3.9", "1.2.3.4-1.2.3.9"},
    {"fe80::1-fe80::5", "fe80::1", "fe80::5", "fe80::1-fe80::5"},
};

struct Bad {
  std::string text;
  const char* why;
};
constexpr const char* kAllMapped =
    "for all IPv4 addresses write 0.0.0.0/0; IPv6 packets with mapped addresses are malformed";
const Bad kBad[] = {
    {"", "no address"},
    {"host", "no address"},
    {"10.0.0", "no address"},
    {"10.0.0.256", "no address"},
    {"10.0.0.1.2", "no address"},
    {"10.0.0.", "no address"},
    {"10..0.1", "no address"},
    {"10.0.0.01", "no address"},
    {"10.0.0.00", "no address"},
    {"10.0.0.4294967297", "no address"},
    {"10.0.0.-1", "no address before '-'"},
    {"10.0.0.1/33", "a prefix's length is 0 to 32"},
    {"10.0.0.1/", "a prefix's length is 0 to 32"},
    {"10.0.0.1/08", "a prefix's length is 0 to 32"},
    {"10.0.0.1/8x", "a prefix's length is 0 to 32"},
    {"10.0.0.1/255.0.255.0", "a netmask's ones come before its zeros"},
    {"10.0.0.1/0.0.0.255", "a netmask's ones come before its zeros"},
    {"10.0.0.1/255.256.0.0", "a netmask's ones come before its zeros"},
    {"10.0.0.1/255.255.0", "a netmask's ones come before its zeros"},
    {"::1/255.0.0.0", "a prefix's length is 0 to 128"},
    {"/8", "no address before '/'"},
    {"::1/129", "a prefix's length is 0 to 128"},
    {":::1", "no address"},
    {"fe80::1%eth0", "no address"},
    {"::ffff:0:0/96", kAllMapped},
    {"::ffff:1.2.3.4/96", kAllMapped},
    {"::ffff:0.0.0.0-::ffff:255.255.255.255", kAllMapped},
    {std::string("::1\0x", 5), "no address"},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", "no address"},
    {"10.0.0.9-10.0.0.1", "a range begins at its lower address"},
    {"10.0.0.1-::1", "a range is of one family"},
    {"10.0.0.1-", "no address after '-'"},
    {"10.0.0.0/8-10.0.0.5", "no address before '-'"},
    {"10.0.0.1-10.0.0.2-10.0.0.3", "no address after '-'"},
    {"10.0.0.1 10.0.0.2", "no address"},
};

}  // namespace

TEST_CASE("an address, a prefix with or without host bits, and a range give their first and last address") {
  for (const Good& good : kGood) {
    CAPTURE(good.text);
    const AddressRange read = parse_address_range(good.text);
    CHECK(read == range(good.first, good.last));
    CHECK(read.text() == good.written);
    CHECK(parse_address_range(read.text()) == read);
  }
}

TEST_CASE("an invalid address is refused, with the text, the reason and the allowed forms") {
  for (const Bad& bad : kBad) {
    CAPTURE(bad.text);
    CHECK_THROWS_WITH(parse_address_range(bad.text), Contains(std::string("(") + bad.why + ")"));
  }
  CHECK_THROWS_WITH(parse_address_range("10.0.0.300"),
                    "read \"10.0.0.300\" (no address), allowed is an address, a prefix or a range of IPv4 or IPv6 "
                    "(\"10.0.0.1\", \"10.0.0.0/24\", \"10.0.0.1-10.0.0.9\", \"2001:db8::/32\")");
  CHECK_THROWS_AS(parse_address_range("x"), Error);
}

TEST_CASE("a long or binary text is quoted on one line and cut off") {
  try {
    parse_address_range(std::string(1000, 'x') + "\n");
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).size() < 300);
  }
  CHECK_THROWS_WITH(parse_address_range("\xff\n?"), Contains("\\n?\""));
}

TEST_CASE("a range contains the addresses of its family from first to last") {
  const AddressRange some = range("10.0.0.5", "10.0.1.4");
  CHECK(some.contains(address("10.0.0.5")));
  CHECK(some.contains(address("10.0.0.255")));
  CHECK(some.contains(address("10.0.1.4")));
  CHECK_FALSE(some.contains(address("10.0.0.4")));
  CHECK_FALSE(some.contains(address("10.0.1.5")));
  CHECK_FALSE(range("0.0.0.0", "255.255.255.255").contains(address("::1")));
  CHECK_FALSE(parse_address_range("::/0").contains(address("0.0.0.1")));
}

TEST_CASE("the prefixes of a range are its parts in order") {
  using Texts = std::vector<std::string>;
  const auto prefixes = [](const char* text) { return texts(prefixes_of(parse_address_range(text))); };
  CHECK(prefixes("10.0.0.7") == Texts{"10.0.0.7"});
  CHECK(prefixes("0.0.0.0-255.255.255.255") == Texts{"0.0.0.0/0"});
  CHECK(prefixes("::/0") == Texts{"::/0"});
  CHECK(prefixes("10.0.0.1-10.0.0.6") == Texts{"10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6"});
  CHECK(prefixes("0.0.0.0-0.0.0.2") == Texts{"0.0.0.0/31", "0.0.0.2"});
  CHECK(prefixes("255.255.255.253-255.255.255.255") == Texts{"255.255.255.253", "255.255.255.254/31"});
  CHECK(prefixes("127.255.255.255-128.0.0.0") == Texts{"127.255.255.255", "128.0.0.0"});
  CHECK(prefixes("::ffff:ffff:ffff:ffff-0:0:0:1::") == Texts{"::ffff:ffff:ffff:ffff", "0:0:0:1::"});
  CHECK(prefixes("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") ==
        Texts{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"});
  CHECK(prefixes("0.0.0.1-255.255.255.254").size() == 62);
  CHECK(prefixes("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").size() == 254);
}

TEST_CASE("the prefixes of any range cover it without a gap, and no two of them could be joined") {
  std::mt19937 random(4);
  for (int round = 0; round < 5000; ++round) {
    AddressRange whole;
    whole.first.version = whole.last.version = round % 2 == 0 ? 4 : 6;
    const std::size_t bytes = round % 2 == 0 ? 4 : 16;
    const std::size_t shared = random() % bytes;
    for (std::size_t i = 0; i < bytes; ++i) {
      whole.first.bytes[i] = static_cast<std::uint8_t>(random());
      whole.last.bytes[i] = i < shared ? whole.first.bytes[i] : static_cast<std::uint8_t>(random());
    }
    if (whole.last.bytes < whole.first.bytes) std::swap(whole.first, whole.last);
    CAPTURE(whole.text());
    const auto prefixes = prefixes_of(whole);
    REQUIRE(!prefixes.empty());
    REQUIRE(prefixes.front().first == whole.first);
    REQUIRE(prefixes.back().last == whole.last);
    for (std::size_t i = 0; i < prefixes.size(); ++i) {
      REQUIRE(prefixes[i].prefix_length());
      if (i == 0) continue;
      REQUIRE(prefixes[i].first == following(prefixes[i - 1].last));
      REQUIRE_FALSE(AddressRange{prefixes[i - 1].first, prefixes[i].last}.prefix_length());
    }
  }
}

TEST_CASE("a set's name has 1 to 63 letters, digits and signs that need no quoting") {
  for (const std::string name : {"blocked", "A-1_b.c", "0", "...", ""}) {
    CAPTURE(name);
    if (name.empty()) {
      CHECK_THROWS_WITH(check_set_name(name),
                        "set name: read \"\", allowed is 1 to 63 of letters, digits, '_', '-' and '.'");
    } else {
      CHECK_NOTHROW(check_set_name(name));
    }
  }
  CHECK_NOTHROW(check_set_name(std::string(63, 'a')));
  CHECK_THROWS_AS(check_set_name(std::string(64, 'a')), Error);
  for (const char* name : {"a b", "@a", "a/b", "\xc3\xa9", "a\n"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(check_set_name(name), Error);
  }
}

}  // namespace nicsentry::firewall_address_text_test
