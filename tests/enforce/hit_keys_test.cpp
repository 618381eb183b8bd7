// SPDX-License-Identifier: GPL-2.0-or-later
// The elements in which programs count an entry's packets, against addresses one by one.
#include "host/enforce/hit_keys.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <set>

#include "host/rules/language/address_text.h"

namespace nicsentry::testing {
namespace {

// The first bytes of a key's address, as in a packet.
bool holds(const hit_key& key, std::uint32_t ipv4) {
  std::uint8_t bytes[4];
  std::memcpy(bytes, key.address, sizeof(bytes));
  const std::uint32_t prefix = std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
                               std::uint32_t{bytes[2]} << 8U | std::uint32_t{bytes[3]};
  const unsigned bits = key.prefix - HIT_NAME_BITS;
  return bits == 0 || (prefix ^ ipv4) >> (32 - bits) == 0;
}

SetEntry entry(const char* text) { return {parse_address_range(text), std::nullopt}; }

}  // namespace

TEST_CASE("the elements of a range hold each of its addresses once, and no other") {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same ranges each time
  for (int round = 0; round < 200; ++round) {
    const std::uint32_t first = 0x0a000000U + static_cast<std::uint32_t>(random() % 500);
    const std::uint32_t last = first + static_cast<std::uint32_t>(random() % 300);
    const auto text = [](std::uint32_t number) {
      return "10.0." + std::to_string(number >> 8U & 0xffU) + "." + std::to_string(number & 0xffU);
    };
    const auto keys = hit_keys("some", parse_address_range(text(first) + "-" + text(last)));
    for (std::uint32_t address = 0x0a000000U; address < 0x0a000000U + 1000; ++address) {
      std::size_t holding = 0;
      for (const hit_key& key : keys) {
        holding += holds(key, address) ? 1 : 0;
      }
      CAPTURE(text(first), text(last), text(address));
      REQUIRE(holding == (address >= first && address <= last ? 1U : 0U));
    }
  }
}

TEST_CASE("the widest ranges have one element, and the narrowest have the family's whole length") {
  CHECK(hit_keys("some", parse_address_range("0.0.0.0/0")).at(0).prefix == HIT_NAME_BITS);
  CHECK(hit_keys("some", parse_address_range("::/0")).size() == 1);
  CHECK(hit_keys("some", parse_address_range("2001:db8::/32")).at(0).prefix == HIT_NAME_BITS + 32);
  CHECK(hit_keys("some", parse_address_range("2001:db8::1")).at(0).prefix == HIT_NAME_BITS + 128);
  CHECK(hit_keys("some", parse_address_range("192.0.2.1")).at(0).prefix == HIT_NAME_BITS + 32);
  CHECK(hit_keys("some", parse_address_range("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")).size() == 254);
  CHECK((hit_keys("some", parse_address_range("::1")).at(0).name & 1U) == 1);
  CHECK((hit_keys("some", parse_address_range("0.0.0.1")).at(0).name & 1U) == 0);
  CHECK(hit_name("some") != hit_name("other"));
}

TEST_CASE("an element that several entries have goes with the last of them, and counts for the narrowest") {
  AddressSets sets({1024, 4096, 0}, {1, 2, 3, 4});
  sets.create("some");
  const std::vector<SetEntry> all{entry("10.0.0.0/30"), entry("10.0.0.0-10.0.0.4"), entry("10.0.0.0-10.0.0.5")};
  sets.add("some", all);
  SharedHits shared;
  for (const SetEntry& one : all) {
    shared.add("some", {one.range});
  }
  const auto remove = [&](const SetEntry& one) {
    sets.remove_entries("some", std::vector{one.range});
    return shared.remove("some", {one.range}, sets).size();
  };
  const auto one_each = [](const hit_key&) { return std::optional(rule_counter{1, 10}); };
  const auto hits = hits_of("some", all, one_each);
  CHECK(hits[0]->packets == 1);  // the prefix
  CHECK(hits[1]->packets == 1);  // 10.0.0.4 without the prefix
  CHECK(hits[2]->packets == 1);  // 10.0.0.4/31
  CHECK(remove(all[0]) == 0);    // both ranges have it
  CHECK(remove(all[1]) == 1);    // 10.0.0.4
  CHECK(remove(all[2]) == 2);
  CHECK_FALSE(hits_of("some", all, [](const hit_key&) { return std::optional<rule_counter>(); })[0].has_value());
}

TEST_CASE("blocked counts what it drops, allowed what it saves, other sets what rules ask for") {
  const SetMask third = 4;
  const AskedSets asked{third, 0};
  using Counting = std::array<std::uint64_t, HIT_PLACES>;
  CHECK(counting_sets(kBlockedBit | third, asked) == Counting{kBlockedBit, kBlockedBit, 0});
  CHECK(counting_sets(kBlockedBit | kAllowedBit | third, asked) == Counting{kAllowedBit, kAllowedBit | third, 0});
  CHECK(counting_sets(third | 8, asked) == Counting{0, third, 0});
  CHECK(counting_sets(kAllowedBit, {0, kAllowedBit}) == Counting{0, 0, kAllowedBit});
}

}  // namespace nicsentry::testing
