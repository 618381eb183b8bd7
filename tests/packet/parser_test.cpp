// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "host/packet/parser.h"

namespace nicsentry::packet_parser_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes front, const Bytes& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

std::uint8_t byte(std::size_t value) { return static_cast<std::uint8_t>(value); }
Bytes be16(std::size_t value) { return {byte(value >> 8), byte(value)}; }

Bytes part(const Bytes& bytes, std::size_t from, std::size_t count) {
  const auto start = bytes.begin() + static_cast<std::ptrdiff_t>(from);
  return {start, start + static_cast<std::ptrdiff_t>(count)};
}

const Bytes kMacs(12, 0x02);
const Bytes kIpv4Type = be16(0x0800);
const Bytes kIpv6Type = be16(0x86dd);

Bytes vlan(std::size_t type, std::size_t tag) { return be16(type) + be16(tag); }

struct Ipv4 {
  std::uint8_t protocol = 6;
  std::size_t total = 1000;
  std::size_t flags_fragment = 0x4000;
  std::size_t option_words = 0;
  std::uint8_t version = 4;
};

Bytes ipv4(const Ipv4& ip) {
  return Bytes{byte(std::size_t{ip.version} << 4 | (5 + ip.option_words)), 0} + be16(ip.total) + be16(7) +
         be16(ip.flags_fragment) + Bytes{64, ip.protocol, 0, 0, 192, 0, 2, 9, 10, 0, 0, 1} +
         Bytes(ip.option_words * 4, 1);
}

Bytes ipv6(std::uint8_t next, std::size_t payload = 900) {
  return Bytes{0x60, 0, 0, 0} + be16(payload) + Bytes{next, 64} +
         Bytes{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1} +
         Bytes{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
}

const Bytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9};

Bytes extension(std::uint8_t next, std::size_t units = 0) {
  return Bytes{next, byte(units), 1, 4, 0, 0, 0, 0} + Bytes(units * 8, 0);
}

Bytes fragment(std::uint8_t next, std::size_t offset, bool more) {
  return Bytes{next, 0} + be16(offset << 3 | (more ? 1 : 0)) + Bytes{0, 0, 0, 1};
}

Bytes tcp(std::uint8_t flags = 0x18, std::size_t words = 5) {
  return be16(40000) + be16(443) + Bytes(8, 0x11) + Bytes{byte(words << 4), flags} + be16(0xfedc) + Bytes(4, 0) +
         Bytes(words > 5 ? (words - 5) * 4 : 0, 1);
}

Bytes udp(std::size_t length = 108) { return be16(40000) + be16(53) + be16(length) + be16(0); }
Bytes icmp(std::uint8_t type) { return {type, 3, 0, 0, 0, 1, 0, 2}; }

// Bytes that end where the machine forbids to read on, so that a read beyond them ends the test in any build.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::span<const std::uint8_t> bytes) : count_(bytes.size()) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    readable_ = (count_ / page + 1) * page;
    mapped_ = readable_ + page;
    void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    memory_ = static_cast<std::uint8_t*>(memory);
    REQUIRE(mprotect(memory_ + readable_, page, PROT_NONE) == 0);
    std::copy(bytes.begin(), bytes.end(), memory_ + readable_ - count_);
  }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  ~GuardedBytes() { munmap(memory_, mapped_); }

  // Its last `count` bytes hold `bytes` from now on.
  std::span<const std::uint8_t> hold(std::span<const std::uint8_t> bytes) {
    std::uint8_t* start = memory_ + readable_ - bytes.size();
    std::copy(bytes.begin(), bytes.end(), start);
    return {start, bytes.size()};
  }

 private:
  std::size_t count_;
  std::size_t readable_ = 0;
  std::size_t mapped_ = 0;
  std::uint8_t* memory_ = nullptr;
};

struct Good {
  const char* what;
  Bytes frame;  // to the end of its headers without TCP options
  Protocol protocol;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  PacketFeatures features;  // without direction
  std::uint32_t header_bytes;
};

PacketFeatures of_tcp(std::uint32_t bytes, std::uint16_t flags_fragment, std::uint8_t flags = 0x18) {
  PacketFeatures features;
  features.bytes = bytes;
  features.ip_flags_fragment = flags_fragment;
  features.tcp_flags = flags;
  features.tcp_window = 0xfedc;
  return features;
}

PacketFeatures of_udp(std::uint32_t bytes, std::uint16_t flags_fragment, std::uint16_t payload) {
  PacketFeatures features;
  features.bytes = bytes;
  features.ip_flags_fragment = flags_fragment;
  features.udp_payload_bytes = payload;
  return features;
}

PacketFeatures of_icmp(std::uint32_t bytes, std::uint16_t flags_fragment, std::uint8_t type) {
  PacketFeatures features;
  features.bytes = bytes;
  features.ip_flags_fragment = flags_fragment;
  features.icmp_type = type;
  return features;
}

std::vector<Good> good_frames() {
  const Bytes v4 = kMacs + kIpv4Type;
  const Bytes v6 = kMacs + kIpv6Type;
  const auto tcp_row = [](const char* what, const Bytes& headers, const PacketFeatures& features,
                          std::uint32_t header_bytes) {
    return Good{what, headers + tcp(), Protocol::tcp, 40000, 443, features, header_bytes};
  };
  const PacketFeatures plain = of_tcp(1000, 0x4000);
  const PacketFeatures plain6 = of_tcp(940, 0);
  return {
      tcp_row("TCP over IPv4", v4 + ipv4({}), plain, 40),
      tcp_row("one 802.1Q tag", kMacs + vlan(0x8100, 5) + kIpv4Type + ipv4({}), plain, 40),
      tcp_row("one 802.1ad tag", kMacs + vlan(0x88a8, 5) + kIpv4Type + ipv4({}), plain, 40),
      tcp_row("two tags", kMacs + vlan(0x88a8, 5) + vlan(0x8100, 0xfff) + kIpv4Type + ipv4({}), plain, 40),
      tcp_row("two tags before IPv6", kMacs + vlan(0x8100, 5) + vlan(0x8100, 6) + kIpv6Type + ipv6(6), plain6, 60),
      tcp_row("one word of IPv4 options", v4 + ipv4({.option_words = 1}), plain, 44),
      tcp_row("ten words of IPv4 options", v4 + ipv4({.option_words = 10}), plain, 80),
      tcp_row("the first fragment", v4 + ipv4({.flags_fragment = 0x2000}), of_tcp(1000, 0x2000), 40),
      tcp_row("the reserved flag", v4 + ipv4({.flags_fragment = 0x8000}), of_tcp(1000, 0x8000), 40),
      tcp_row("the largest IPv4 packet", v4 + ipv4({.total = 0xffff}), of_tcp(0xffff, 0x4000), 40),
      {"all TCP flags and options cut off", v4 + ipv4({}) + part(tcp(0xff, 15), 0, 20), Protocol::tcp, 40000, 443,
       of_tcp(1000, 0x4000, 0xff), 80},
      {"UDP over IPv4", v4 + ipv4({.protocol = 17}) + udp(), Protocol::udp, 40000, 53, of_udp(1000, 0x4000, 100), 28},
      {"UDP of more than 8 bits", v4 + ipv4({.protocol = 17}) + udp(0xffff), Protocol::udp, 40000, 53,
       of_udp(1000, 0x4000, 0xfff7), 28},
      {"UDP without payload", v4 + ipv4({.protocol = 17}) + udp(8), Protocol::udp, 40000, 53, of_udp(1000, 0x4000, 0),
       28},
      {"UDP length below 8", v4 + ipv4({.protocol = 17}) + udp(7), Protocol::udp, 40000, 53, of_udp(1000, 0x4000, 0),
       28},
      {"ICMP", v4 + ipv4({.protocol = 1}) + icmp(8), Protocol::icmp, 0, 0, of_icmp(1000, 0x4000, 8), 28},
      tcp_row("TCP over IPv6", v6 + ipv6(6), plain6, 60),
      {"UDP over IPv6", v6 + ipv6(17) + udp(), Protocol::udp, 40000, 53, of_udp(940, 0, 100), 48},
      {"ICMPv6", v6 + ipv6(58) + icmp(135), Protocol::icmpv6, 0, 0, of_icmp(940, 0, 135), 48},
      tcp_row("the largest IPv6 packet", v6 + ipv6(6, 0xffff), of_tcp(0xffff + 40, 0), 60),
      tcp_row("hop-by-hop options", v6 + ipv6(0) + extension(6), plain6, 68),
      tcp_row("a routing header", v6 + ipv6(43) + extension(6, 2), plain6, 84),
      tcp_row("destination options", v6 + ipv6(60) + extension(6, 1), plain6, 76),
      tcp_row("the first IPv6 fragment", v6 + ipv6(44) + fragment(6, 0, true), plain6, 68),
      tcp_row("an atomic fragment", v6 + ipv6(44) + fragment(6, 0, false), plain6, 68),
      tcp_row("four extension headers",
              v6 + ipv6(0) + extension(43) + extension(44, 1) + fragment(60, 0, true) + extension(6), plain6, 100),
      tcp_row("headers to all 492 bytes behind the IP header's start that are walked",
              v6 + ipv6(0) + extension(60, 52) + extension(6), plain6, 492),
  };
}

void check_features(const PacketFeatures& seen, const PacketFeatures& expected) {
  CHECK(seen.timestamp_ns == 0);
  CHECK(seen.bytes == expected.bytes);
  CHECK(seen.ip_flags_fragment == expected.ip_flags_fragment);
  CHECK(seen.tcp_window == expected.tcp_window);
  CHECK(seen.udp_payload_bytes == expected.udp_payload_bytes);
  CHECK(int{seen.tcp_flags} == int{expected.tcp_flags});
  CHECK(int{seen.icmp_type} == int{expected.icmp_type});
}

struct Bad {
  const char* what;
  Bytes frame;
};

Bytes tags(int count) {
  Bytes all;
  for (int i = 0; i < count; ++i) all = all + vlan(0x8100, static_cast<std::uint16_t>(i));
  return all;
}

// So many extension headers in front of destination options.
Bytes options(int count) {
  Bytes all;
  for (int i = 0; i < count; ++i) all = all + extension(60);
  return all;
}

std::vector<Bad> bad_frames() {
  const Bytes v4 = kMacs + kIpv4Type;
  const Bytes v6 = kMacs + kIpv6Type;
  return {
      {"ARP", kMacs + be16(0x0806) + Bytes(60, 0)},
      {"an 802.3 length", kMacs + be16(100) + ipv4({}) + tcp()},
      {"nine tags", kMacs + tags(9) + kIpv4Type + ipv4({}) + tcp()},
      {"version 6 in IPv4", v4 + ipv4({.version = 6}) + tcp()},
      {"version 4 in IPv6", kMacs + kIpv6Type + ipv4({}) + tcp() + Bytes(40, 0)},
      {"an IPv4 header of 16 bytes", v4 + Bytes{0x44} + part(ipv4({}), 1, 19) + tcp()},
      {"a later fragment", v4 + ipv4({.flags_fragment = 0x2001}) + tcp()},
      {"the last fragment", v4 + ipv4({.flags_fragment = 0x1fff}) + tcp()},
      {"a later IPv6 fragment", v6 + ipv6(44) + fragment(6, 1, true) + tcp()},
      {"the last IPv6 fragment", v6 + ipv6(44) + fragment(6, 0x1fff, false) + tcp()},
      {"SCTP", v4 + ipv4({.protocol = 132}) + tcp()},
      {"ICMPv6 over IPv4", v4 + ipv4({.protocol = 58}) + icmp(128)},
      {"ICMP over IPv6", v6 + ipv6(1) + icmp(8)},
      {"no next header", v6 + ipv6(59) + tcp()},
      {"ESP", v6 + ipv6(50) + extension(6) + tcp()},
      {"an extension header's number over IPv4", v4 + ipv4({.protocol = 60}) + extension(6) + tcp()},
      {"nine extension headers", v6 + ipv6(60) + options(8) + extension(6) + tcp()},
      {"headers to 514 bytes", v6 + ipv6(0) + extension(60, 53) + extension(6) + tcp()},
      {"a TCP header of 16 bytes", v4 + ipv4({}) + tcp(0x18, 4)},
      {"a mapped source", v6 + part(ipv6(6), 0, 8) + kMapped + part(ipv6(6), 24, 16) + tcp()},
      {"a mapped destination", v6 + part(ipv6(6), 0, 24) + kMapped + tcp()},
  };
}

}  // namespace

TEST_CASE("every kind of header that is understood gives its endpoints and features") {
  for (const Good& row : good_frames()) {
    CAPTURE(row.what);
    const auto seen = parse_packet(row.frame);
    REQUIRE(seen);
    const bool is_ipv6 = seen->source.address.version == 6;
    CHECK(seen->source.address.text() == (is_ipv6 ? "2001:db8::1" : "192.0.2.9"));
    CHECK(seen->destination.address.text() == (is_ipv6 ? "2001:db8::2" : "10.0.0.1"));
    CHECK(seen->destination.address.version == seen->source.address.version);
    CHECK(seen->source.port == row.source_port);
    CHECK(seen->destination.port == row.destination_port);
    CHECK(protocol_name(seen->protocol) == std::string(protocol_name(row.protocol)));
    CHECK((seen->key.key == normalise(seen->source, seen->destination, row.protocol).key));
    // 192.0.2.9 is above 10.0.0.1, and 2001:db8::1 below 2001:db8::2.
    CHECK(seen->key.direction == (is_ipv6 ? Direction::from_lower : Direction::from_higher));
    CHECK(seen->features.direction == seen->key.direction);
    check_features(seen->features, row.features);
    CHECK(seen->header_bytes == row.header_bytes);
  }
}

TEST_CASE("what no session can be told from gives nothing") {
  for (const Bad& row : bad_frames()) {
    CAPTURE(row.what);
    CHECK_FALSE(parse_packet(row.frame).has_value());
  }
}

TEST_CASE("an IPv6 address that differs from a mapped one in a bit is read") {
  for (std::size_t bit = 0; bit < 96; ++bit) {
    CAPTURE(bit);
    Bytes other = kMapped;
    other[bit / 8] = byte(other[bit / 8] ^ 0x80U >> bit % 8);
    const auto seen = parse_packet(kMacs + kIpv6Type + part(ipv6(6), 0, 8) + other + part(ipv6(6), 24, 16) + tcp());
    REQUIRE(seen);
    CHECK(std::equal(other.begin(), other.end(), seen->source.address.bytes.begin()));
  }
}

TEST_CASE("a frame cut anywhere within its headers gives nothing, and no byte beyond the cut is read") {
  for (const Good& row : good_frames()) {
    GuardedBytes memory(row.frame);
    for (std::size_t length = 0; length <= row.frame.size(); ++length) {
      CAPTURE(row.what, length);
      const auto seen = parse_packet(memory.hold(std::span(row.frame).first(length)));
      // A first fragment needs the TCP flags only: 6 bytes before the header's end.
      const bool first_fragment =
          std::string(row.what).find("first") != std::string::npos || std::string(row.what) == "four extension headers";
      CHECK(seen.has_value() == (length + (first_fragment ? 6 : 0) >= row.frame.size()));
    }
  }
  for (const Bad& row : bad_frames()) {
    GuardedBytes memory(row.frame);
    for (std::size_t length = 0; length <= row.frame.size(); ++length) {
      CAPTURE(row.what, length);
      CHECK_FALSE(parse_packet(memory.hold(std::span(row.frame).first(length))).has_value());
    }
  }
}

TEST_CASE("what follows the headers changes nothing") {
  for (const Good& row : good_frames()) {
    CAPTURE(row.what);
    const auto seen = parse_packet(row.frame + Bytes(100, 0xff));
    REQUIRE(seen);
    check_features(seen->features, row.features);
  }
}

TEST_CASE("100,000 mutated frames are read within their bounds") {
  std::mt19937 random(1);
  const auto frames = good_frames();
  const Bytes longest(2048, 0);
  GuardedBytes memory(longest);
  std::size_t understood = 0;
  for (int i = 0; i < 100'000; ++i) {
    Bytes frame = frames[random() % frames.size()].frame + Bytes(random() % 64, 0);
    for (auto changes = random() % 4; changes > 0; --changes) frame[random() % frame.size()] = byte(random());
    frame.resize(frame.size() - random() % 8);
    if (parse_packet(memory.hold(frame))) ++understood;
  }
  // Neither all nor none: the mutations reach both sides of the checks.
  CHECK(understood > 10'000);
  CHECK(understood < 95'000);
}

}  // namespace nicsentry::packet_parser_test
