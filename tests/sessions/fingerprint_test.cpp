// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "host/sessions/fingerprint.h"
#include "host/sessions/session_table.h"

namespace nicsentry::fingerprint_test {
namespace {

IpAddress address(const std::string& text) {
  IpAddress address;
  address.version = text.find(':') == std::string::npos ? 4 : 6;
  REQUIRE(inet_pton(address.version == 6 ? AF_INET6 : AF_INET, text.c_str(), address.bytes.data()) == 1);
  return address;
}

IpAddress ipv4(std::size_t number) {
  IpAddress address;
  for (std::size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}

// An address of 2001:db8::/64.
IpAddress ipv6(std::uint64_t interface_id) {
  IpAddress address;
  address.version = 6;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  for (std::size_t i = 0; i < 8; ++i) address.bytes[8 + i] = static_cast<std::uint8_t>(interface_id >> (56 - 8 * i));
  return address;
}

SessionKey key_of(const IpAddress& source, std::size_t source_port, const IpAddress& destination,
                  std::size_t destination_port, Protocol protocol = Protocol::tcp) {
  return normalise({source, static_cast<std::uint16_t>(source_port)},
                   {destination, static_cast<std::uint16_t>(destination_port)}, protocol)
      .key;
}

FingerprintKeys keys_from(std::mt19937_64& random) {
  FingerprintKeys keys{};
  for (auto& word : keys) word = static_cast<std::uint32_t>(random());
  return keys;
}

// The keys at which additions wrap: every word is close to 2^32.
const FingerprintKeys kHighKeys = {0xffffffff, 0xfffffffe, 0xfffffffd, 0xfffffffc, 0xfffffffb, 0xfffffffa,
                                   0xfffffff9, 0xfffffff8, 0xfffffff7, 0xfffffff6, 0xfffffff5, 0xfffffff4};

struct Known {
  const char* source;
  std::uint16_t source_port;
  const char* destination;
  std::uint16_t destination_port;
  Protocol protocol;
  Fingerprint under_fixed_keys;
  CandidateBuckets buckets;  // of those, of 2^16
  Fingerprint under_high_keys;
};

// Computed in Python with integers of any size, from the definition in bpf_offload/sessions.h.
const Known kKnown[] = {
    {"10.0.0.1",
     40000,
     "192.168.0.1",
     443,
     Protocol::tcp,
     {0x74e40e6fed527a64, 0x1e3f69c27d906d24},
     {0xd695, 0x4b87},
     {0x000100abaf099f90, 0x000100aa3505ccd4}},
    {"192.168.0.1",
     443,
     "10.0.0.1",
     40000,
     Protocol::tcp,
     {0x74e40e6fed527a64, 0x1e3f69c27d906d24},
     {0xd695, 0x4b87},
     {0x000100abaf099f90, 0x000100aa3505ccd4}},
    {"10.0.0.1",
     53,
     "10.0.0.1",
     5353,
     Protocol::udp,
     {0x074e28f9a86d9a30, 0x1edd72f1df2065be},
     {0xa92c, 0xa549},
     {0x0001000db52f1b1b, 0x0001000bdf06b0ed}},
    {"192.0.2.1",
     0,
     "198.51.100.7",
     0,
     Protocol::icmp,
     {0x13c5cf54963d27ec, 0x1fdb06e7abbf66d2},
     {0x33cf, 0x0b14},
     {0x000772ff9e7e363b, 0x000772fb8db1cd49}},
    {"255.255.255.255",
     65535,
     "255.255.255.255",
     65535,
     Protocol::udp,
     {0x132db85fae357903, 0x1aed2c0757eecba0},
     {0xac15, 0xc06b},
     {0x00000005fffffff6, 0xfffffffffffffff6}},
    {"2001:db8::1",
     40000,
     "2001:db8::2",
     443,
     Protocol::tcp,
     {0x3baae7ac469744de, 0x93e31c2b856adada},
     {0xe0ef, 0x6061},
     {0x8454b2e5e62bda48, 0x8454b2d989f55306}},
    {"fe80::1",
     5353,
     "ff02::fb",
     5353,
     Protocol::udp,
     {0x37ed682b45c6696c, 0x5bfd1f38a19bd60e},
     {0x689e, 0xc4a8},
     {0x00fb00d2e7a3a5e5, 0x00fb00c71d78ca23}},
    {"2001:db8::1",
     0,
     "2001:db8::2",
     0,
     Protocol::icmpv6,
     {0xda0c2824e4cfa842, 0x915ff2eeaeb78f1a},
     {0xac49, 0xd5e6},
     {0x8454b35ff8e63ba4, 0x8454b35312b23532}},
};

// Tuples as a scan, a flood or a busy network makes them: the i-th of a family.
struct Family {
  const char* name;
  std::function<SessionKey(std::size_t)> key;
};

const IpAddress kServer = ipv4(0xc0a80001);
const IpAddress kClient = ipv4(0x0a000000);

const Family kFamilies[] = {
    {"sequential clients", [](std::size_t i) { return key_of(ipv4(0x0a000000 + i), 40000, kServer, 443); }},
    {"one client in each /24", [](std::size_t i) { return key_of(ipv4(0x0a000000 + (i << 8)), 40000, kServer, 443); }},
    {"sequential servers", [](std::size_t i) { return key_of(kClient, 40000, ipv4(0xc0a80000 + i), 443); }},
    {"sequential client ports, then server ports",
     [](std::size_t i) { return key_of(kClient, i & 0xffff, kServer, 80 + (i >> 16)); }},
    {"a scan of UDP ports, server after server",
     [](std::size_t i) { return key_of(kClient, 40000, ipv4(0xc0a80001 + (i >> 16)), i & 0xffff, Protocol::udp); }},
    {"clients by servers",
     [](std::size_t i) { return key_of(ipv4(0x0a000000 + (i >> 8)), 1, ipv4(0xc0a80000 + i % 256), 2); }},
    {"clients by client ports",
     [](std::size_t i) { return key_of(ipv4(0x0a000000 + i % 256), 1024 + (i >> 8), kServer, 443); }},
    {"ports by ports", [](std::size_t i) { return key_of(kClient, 1024 + i % 256, kServer, 1024 + (i >> 8)); }},
    {"address and port counted up together",
     [](std::size_t i) { return key_of(ipv4(0x0a000000 + i), 1024 + i % 60000, kServer, 443); }},
    {"ICMP from sequential addresses",
     [](std::size_t i) { return key_of(ipv4(0x0a000000 + i), 0, kServer, 0, Protocol::icmp); }},
    {"sequential IPv6 clients", [](std::size_t i) { return key_of(ipv6(i + 2), 40000, ipv6(1), 443); }},
    {"IPv6 clients counted up in another word",
     [](std::size_t i) { return key_of(ipv6(std::uint64_t{i + 1} << 32), 40000, ipv6(1), 443); }},
    {"sequential ports between IPv6 addresses",
     [](std::size_t i) { return key_of(ipv6(2), i & 0xffff, ipv6(1), 443 + (i >> 16)); }},
};

Family random_tuples(std::mt19937_64& random) {
  return {"random tuples", [&random](std::size_t) {
            const auto addresses = random();
            const auto ports = random();
            return key_of(ipv4(addresses >> 32), ports & 0xffff, ipv4(addresses & 0xffffffff), ports >> 16 & 0xffff);
          }};
}

constexpr unsigned kBits = 11;
constexpr std::size_t kBuckets = std::size_t{1} << kBits;
constexpr std::size_t kTuples = 2 * kBuckets;

// How unevenly a family falls into the buckets: chi-square for each choice of bucket, by degree of freedom; near 1 for
// an even choice at random.
std::vector<double> unevenness(const Family& family, const FingerprintKeys& keys) {
  std::vector<std::size_t> first(kBuckets);
  std::vector<std::size_t> second(kBuckets);
  for (std::size_t i = 0; i < kTuples; ++i) {
    const CandidateBuckets buckets = candidate_buckets(fingerprint(family.key(i), keys), kBits);
    ++first[buckets.first];
    ++second[buckets.second];
  }
  const auto chi_square = [](const std::vector<std::size_t>& counts) {
    const double expected = double{kTuples} / double{kBuckets};
    double sum = 0;
    for (const std::size_t count : counts) {
      sum += std::pow(static_cast<double>(count) - expected, 2) / expected;
    }
    return sum / (kBuckets - 1);
  };
  return {chi_square(first), chi_square(second)};
}

// The share of the table's slots that a family fills before the first of it finds no room.
double filled_before_refusal(const Family& family, const FingerprintKeys& keys) {
  SessionTable table(kBits);
  std::vector<BucketWrite> writes;
  for (std::uint32_t i = 0;; ++i) {
    writes.clear();
    const Fingerprint name = fingerprint(family.key(i), keys);
    InsertResult result{};
    while ((result = table.insert(name, i, writes)) == InsertResult::waiting) {
      table.release_rested();
    }
    if (result != InsertResult::placed) break;
  }
  return static_cast<double>(table.size()) / static_cast<double>(table.slots());
}

}  // namespace

TEST_CASE("VLANs are part of a fingerprint, as other keys would have them") {
  std::set<std::array<std::uint32_t, 4>> seen;
  for (const bool v6 : {false, true}) {
    SessionKey key = v6 ? key_of(ipv6(1), 1000, ipv6(2), 80) : key_of(ipv4(0x0a000001), 1000, ipv4(0x0a000002), 80);
    const SessionKey plain = key;
    for (const VlanIds vlans : {VlanIds{}, VlanIds{10, 0}, VlanIds{10, 20}, VlanIds{20, 10}, VlanIds{4095, 4095}}) {
      key.vlans = vlans;
      // To add to a key is to add to the words that are added to it: keys[3] belongs to two words of hash a and b.
      FingerprintKeys outer = kHighKeys;
      outer[1] += std::uint32_t{vlans.outer} << 16U;
      FingerprintKeys inner = kHighKeys;
      inner[3] += std::uint32_t{vlans.inner} << 16U;
      CHECK(fingerprint(key, kHighKeys).a == fingerprint(plain, outer).a);
      CHECK(fingerprint(key, kHighKeys).b == fingerprint(plain, inner).b);
      CHECK(seen.insert(fingerprint(key, kHighKeys).words()).second);
    }
  }
}

TEST_CASE("a VLAN does not change its hash as another port, protocol or address does") {
  std::set<std::uint64_t> outer;  // of hash a
  std::set<std::uint64_t> inner;  // of hash b
  // A port's bytes are read as they lie in the packet: 10 in them is 2560 in the port.
  for (const std::size_t port : std::array<std::size_t, 5>{80, 80 + 10, 80 + 20, 80 + 2560, 80 + 5120}) {
    for (const std::size_t other : std::array<std::size_t, 3>{1000, 1000 + 10, 1000 + 2560}) {
      for (const std::size_t last : std::array<std::size_t, 3>{2, 2 + 10, 2 + 2560}) {
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
          SessionKey key = key_of(ipv4(0x0a000001), other, ipv4(0x0a000000 + last), port, protocol);
          for (const std::uint16_t vlan : std::array<std::uint16_t, 3>{0, 10, 20}) {
            key.vlans = {vlan, 0};
            CHECK(outer.insert(fingerprint(key, kHighKeys).a).second);
            key.vlans = {1, vlan};
            CHECK(inner.insert(fingerprint(key, kHighKeys).b).second);
          }
        }
      }
    }
  }
}

TEST_CASE("fingerprints and buckets equal those computed in Python from the definition") {
  for (const Known& row : kKnown) {
    CAPTURE(row.source, row.source_port, row.destination, row.destination_port, int(row.protocol));
    const SessionKey key =
        key_of(address(row.source), row.source_port, address(row.destination), row.destination_port, row.protocol);
    const Fingerprint seen = fingerprint(key, fixed_keys());
    CHECK(seen.a == row.under_fixed_keys.a);
    CHECK(seen.b == row.under_fixed_keys.b);
    CHECK(candidate_buckets(seen, 16).first == row.buckets.first);
    CHECK(candidate_buckets(seen, 16).second == row.buckets.second);
    CHECK(fingerprint(key, kHighKeys).a == row.under_high_keys.a);
    CHECK(fingerprint(key, kHighKeys).b == row.under_high_keys.b);
  }
}

TEST_CASE("the words of a fingerprint are low and high of the first hash, then of the second") {
  CHECK(Fingerprint{0x1122334455667788, 0x99aabbccddeeff00}.words() ==
        std::array<std::uint32_t, 4>{0x55667788, 0x11223344, 0xddeeff00, 0x99aabbcc});
}

TEST_CASE("the two buckets are within the table, and equal no more often than by chance") {
  std::mt19937_64 random(1);
  constexpr int kNames = 1 << 16;
  for (unsigned bits = 0; bits <= 20; ++bits) {
    int equal = 0;
    int outside = 0;
    for (int i = 0; i < kNames; ++i) {
      const CandidateBuckets buckets = candidate_buckets({random(), random()}, bits);
      equal += buckets.first == buckets.second ? 1 : 0;
      outside += (buckets.first | buckets.second) >> bits != 0 ? 1 : 0;
    }
    // The halves of a hash have 16 bits to differ in.
    const double expected = std::ldexp(kNames, -static_cast<int>(std::min(bits, 16U)));
    CAPTURE(bits, equal, expected);
    CHECK(outside == 0);
    CHECK(equal <= expected + 6 * std::sqrt(expected));
    CHECK(equal >= expected - 6 * std::sqrt(expected));
  }
}

TEST_CASE("random keys differ from draw to draw, fixed keys never") {
  const FingerprintKeys drawn = random_keys();
  CHECK(random_keys() != drawn);
  CHECK(std::count(drawn.begin(), drawn.end(), 0u) < 3);
  CHECK(fixed_keys() == fixed_keys());
}

TEST_CASE("sequential addresses and ports of both families spread over the buckets as random ones do") {
  std::mt19937_64 random(2);
  std::vector<double> of_random;
  for (int i = 0; i < 64; ++i) {
    for (const double value : unevenness(random_tuples(random), keys_from(random))) of_random.push_back(value);
  }
  double mean = 0;
  for (const double value : of_random) mean += value / static_cast<double>(of_random.size());
  double variance = 0;
  for (const double value : of_random) {
    variance += std::pow(value - mean, 2) / static_cast<double>(of_random.size() - 1);
  }
  // Some 400 values are held against it, and these are not quite Gaussian.
  const double bound = mean + 6 * std::sqrt(variance);
  CHECK(bound < 1.3);
  for (const Family& family : kFamilies) {
    for (int i = 0; i < 16; ++i) {
      const FingerprintKeys keys = keys_from(random);
      const std::vector<double> seen = unevenness(family, keys);
      CAPTURE(family.name, i, bound);
      CHECK(seen[0] < bound);
      CHECK(seen[1] < bound);
    }
  }
}

TEST_CASE(
    "sequential addresses and ports fill the table as far as random ones do, so their two buckets are independent") {
  std::mt19937_64 random(3);
  double least = 1;
  for (int i = 0; i < 16; ++i) least = std::min(least, filled_before_refusal(random_tuples(random), keys_from(random)));
  CHECK(least > 0.85);
  for (const Family& family : kFamilies) {
    for (int i = 0; i < 4; ++i) {
      CAPTURE(family.name, i, least);
      CHECK(filled_before_refusal(family, keys_from(random)) > least - 0.01);
    }
  }
}

TEST_CASE("no two of many sequential tuples share even one of the two hashes") {
  for (const Family& family : kFamilies) {
    std::set<std::uint64_t> first;
    std::set<std::uint64_t> second;
    for (std::size_t i = 0; i < kTuples; ++i) {
      const Fingerprint name = fingerprint(family.key(i), fixed_keys());
      first.insert(name.a);
      second.insert(name.b);
    }
    CAPTURE(family.name);
    CHECK(first.size() == kTuples);
    CHECK(second.size() == kTuples);
  }
}

TEST_CASE("tuples that collide under known keys do not collide under other keys") {
  const FingerprintKeys known = fixed_keys();
  const auto last_word_first = [](std::uint32_t raw) {
    IpAddress address;
    for (std::size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(raw >> (8 * i));
    return address;
  };
  // keys[2] + lower = 0 makes the addresses' product 0, whatever the higher address is.
  const std::uint32_t lower = 0u - known[2];
  std::vector<SessionKey> chosen;
  for (std::uint32_t i = 0; i < 256; ++i) {
    chosen.push_back(key_of(last_word_first(lower), 1, last_word_first(lower + 1 + i), 2));
  }
  const auto distinct = [&](const FingerprintKeys& keys, std::uint64_t Fingerprint::*hash) {
    std::set<std::uint64_t> hashes;
    for (const SessionKey& key : chosen) hashes.insert(fingerprint(key, keys).*hash);
    return hashes.size();
  };
  REQUIRE(distinct(known, &Fingerprint::a) == 1);
  CHECK(distinct(known, &Fingerprint::b) == chosen.size());
  std::mt19937_64 random(4);
  for (int i = 0; i < 100; ++i) {
    const FingerprintKeys keys = keys_from(random);
    CAPTURE(i);
    CHECK(distinct(keys, &Fingerprint::a) == chosen.size());
    CHECK(distinct(keys, &Fingerprint::b) == chosen.size());
  }
}

TEST_CASE("tuples chosen to fill two buckets under one key spread over all buckets under others") {
  std::mt19937_64 random(5);
  const FingerprintKeys known = keys_from(random);
  // Both buckets among the first 64 of 2,048, so that one of 1,024 tuples is taken.
  std::vector<SessionKey> chosen;
  for (std::size_t i = 0; chosen.size() < 512; ++i) {
    const SessionKey key = key_of(ipv4(0x0a000000 + (i >> 16)), i & 0xffff, kServer, 443);
    const CandidateBuckets buckets = candidate_buckets(fingerprint(key, known), kBits);
    if (buckets.first < 64 && buckets.second < 64) chosen.push_back(key);
  }
  const auto placed = [&](const FingerprintKeys& keys) {
    SessionTable table(kBits);
    std::vector<BucketWrite> writes;
    for (std::uint32_t i = 0; i < chosen.size(); ++i) {
      while (table.insert(fingerprint(chosen[i], keys), i, writes) == InsertResult::waiting) table.release_rested();
    }
    return table.size();
  };
  CHECK(placed(known) <= 128);
  for (int i = 0; i < 32; ++i) {
    const FingerprintKeys keys = keys_from(random);
    std::size_t still_there = 0;
    for (const SessionKey& key : chosen) still_there += candidate_buckets(fingerprint(key, keys), kBits).first < 64;
    CAPTURE(i);
    CHECK(still_there < 48);  // 16 expected
    CHECK(placed(keys) == chosen.size());
  }
}

}  // namespace nicsentry::fingerprint_test
