// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/hit_keys.h"

#include <endian.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "host/rules/compile/match_row.h"
#include "host/rules/sets/address_key.h"

namespace nicsentry {
namespace {

constexpr unsigned kIpv4Bits = 32;
constexpr unsigned kIpv6Bits = 128;

std::uint32_t upper(std::uint64_t number) { return static_cast<std::uint32_t>(number >> 32U); }

std::uint32_t lower(std::uint64_t number) { return static_cast<std::uint32_t>(number); }

void put(std::uint64_t high, std::uint64_t low, hit_key& key) {
  key.address[0] = htobe32(upper(high));
  key.address[1] = htobe32(lower(high));
  key.address[2] = htobe32(upper(low));
  key.address[3] = htobe32(lower(low));
}

// Half an IPv6 address: 0 or 1.
std::uint64_t half_of(const hit_key& key, unsigned half) {
  return std::uint64_t{be32toh(key.address[2 * half])} << 32U | be32toh(key.address[2 * half + 1]);
}

// The bits below which a number is 0; `most` for 0.
unsigned zero_bits(Uint128 number, unsigned most) {
  const auto low = static_cast<std::uint64_t>(number);
  const auto high = static_cast<std::uint64_t>(number >> 64U);
  const int zeros = low != 0 ? std::countr_zero(low) : 64 + std::countr_zero(high);
  return std::min(static_cast<unsigned>(zeros), most);
}

hit_key key_of(std::uint32_t name, Uint128 first, unsigned bits, bool ipv6) {
  hit_key key{};
  key.prefix = HIT_NAME_BITS + bits;
  key.name = name | (ipv6 ? 1U : 0U);
  if (ipv6) {
    put(static_cast<std::uint64_t>(first >> 64U), static_cast<std::uint64_t>(first), key);
  } else {
    put(static_cast<std::uint64_t>(first) << 32U, 0, key);
  }
  return key;
}

AddressRange range_of(const hit_key& key) {
  const std::size_t family = (key.name & 1U) != 0 ? kIpv6 : kIpv4;
  AddressKey first{half_of(key, 0), half_of(key, 1)};
  AddressKey last = first;
  const unsigned width = family == kIpv6 ? kIpv6Bits : kIpv4Bits;
  const unsigned free = width - (key.prefix - HIT_NAME_BITS);
  if (family == kIpv4) {
    first = {upper(half_of(key, 0)), 0};
    last = {first.high | ((std::uint64_t{1} << free) - 1), 0};
  } else if (free >= 64) {
    last.high |= free == kIpv6Bits ? ~std::uint64_t{0} : (std::uint64_t{1} << (free - 64)) - 1;
    last.low = ~std::uint64_t{0};
  } else {
    last.low |= (std::uint64_t{1} << free) - 1;
  }
  return {address_of(first, family), address_of(last, family)};
}

SetMask mask_of(const AddressMatch& match, const AddressSets& sets) {
  SetMask mask = 0;
  for (const auto* names : {&match.sets, &match.except_sets}) {
    for (const std::string& name : *names) {
      if (const auto bit = sets.bit(name)) {
        mask |= SetMask{1} << *bit;
      }
    }
  }
  return mask;
}

}  // namespace

// FNV-1a, without the lowest bit, which is the family's.
std::uint32_t hit_name(const std::string& set) {
  std::uint32_t hash = 2166136261U;
  for (const char letter : set) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619U;
  }
  return hash & ~1U;
}

// From the lower end on, each time the widest prefix that begins there and ends within the range.
std::vector<hit_key> hit_keys(const std::string& set, const AddressRange& range) {
  const bool ipv6 = range.first.version == 6;
  const unsigned width = ipv6 ? kIpv6Bits : kIpv4Bits;
  const std::uint32_t name = hit_name(set);
  const Uint128 last = address_number(range.last);
  std::vector<hit_key> keys;
  for (Uint128 first = address_number(range.first);;) {
    unsigned free = zero_bits(first, width);
    const auto end = [&first](unsigned bits) {
      return bits == kIpv6Bits ? kLastIpv6 : first + (Uint128{1} << bits) - 1;
    };
    while (end(free) > last) {
      --free;
    }
    keys.push_back(key_of(name, first, width - free, ipv6));
    if (end(free) == last) {
      return keys;
    }
    first = end(free) + 1;
  }
}

HitKeyText text_of(const hit_key& key) {
  HitKeyText text{};
  std::memcpy(text.data(), &key, sizeof(key));
  return text;
}

// As SetStore names it.
bool counts_hits(const std::string& set) { return !set.empty() && set.front() != ' '; }

void SharedHits::add(const std::string& set, const std::vector<AddressRange>& entries) {
  for (const AddressRange& entry : entries) {
    if (const auto keys = hit_keys(set, entry); keys.size() > 1) {
      for (const hit_key& key : keys) {
        ++uses_[text_of(key)];
      }
    }
  }
}

std::vector<hit_key> SharedHits::remove(const std::string& set, const std::vector<AddressRange>& entries,
                                        const AddressSets& sets) {
  std::vector<hit_key> unused;
  for (const AddressRange& entry : entries) {
    const auto keys = hit_keys(set, entry);
    for (const hit_key& key : keys) {
      const auto uses = uses_.find(text_of(key));
      if (keys.size() > 1 && uses != uses_.end() && --uses->second == 0) {
        uses_.erase(uses);
      }
      const bool shared =
          uses_.contains(text_of(key)) || (sets.exists(set) && sets.entry(set, range_of(key)).has_value());
      if (!shared) {
        unused.push_back(key);
      }
    }
  }
  return unused;
}

std::vector<std::optional<rule_counter>> hits_of(const std::string& set, const std::vector<SetEntry>& entries,
                                                 const ReadHits& read) {
  std::map<HitKeyText, std::size_t> owners;  // of elements of several-element ranges: an entry's place in the list
  std::vector<std::vector<hit_key>> keys;
  keys.reserve(entries.size());
  for (const SetEntry& entry : entries) {
    keys.push_back(hit_keys(set, entry.range));
  }
  const auto addresses = [&entries](std::size_t place) {
    const AddressRange& range = entries[place].range;
    return address_number(range.last) - address_number(range.first);
  };
  for (std::size_t place = 0; place < entries.size(); ++place) {
    for (const hit_key& key : keys[place]) {
      if (keys[place].size() > 1) {
        const auto [owner, first] = owners.try_emplace(text_of(key), place);
        if (!first && addresses(place) < addresses(owner->second)) {
          owner->second = place;
        }
      }
    }
  }
  for (std::size_t place = 0; place < entries.size(); ++place) {
    if (const auto owner = keys[place].size() == 1 ? owners.find(text_of(keys[place].front())) : owners.end();
        owner != owners.end()) {
      owner->second = place;
    }
  }
  std::vector<std::optional<rule_counter>> hits(entries.size());
  for (std::size_t place = 0; place < entries.size(); ++place) {
    rule_counter sum{};
    bool known = true;
    for (const hit_key& key : keys[place]) {
      const auto owner = owners.find(text_of(key));
      if (owner != owners.end() && owner->second != place) {
        continue;
      }
      const auto count = read(key);
      known = known && count;
      sum.packets += count ? count->packets : 0;
      sum.bytes += count ? count->bytes : 0;
    }
    hits[place] = known ? std::optional(sum) : std::nullopt;
  }
  return hits;
}

AskedSets asked_sets(const ChainRules& rules, Chain chain, const std::string& interface, const AddressSets& sets) {
  AskedSets asked;
  for (const Rule& rule : rules.rules) {
    const InterfaceMatch& interfaces = chain == Chain::ingress ? rule.match.in : rule.match.out;
    if (interface.empty() || interfaces.accepts(interface)) {
      const SetMask source = mask_of(rule.match.source, sets);
      const SetMask destination = mask_of(rule.match.destination, sets);
      asked.remote |= chain == Chain::ingress ? source : destination;
      asked.local |= chain == Chain::ingress ? destination : source;
    }
  }
  return asked;
}

std::array<std::uint64_t, HIT_PLACES> counting_sets(SetMask sets, const AskedSets& asked) {
  std::array<std::uint64_t, HIT_PLACES> counting{};
  const bool blocks = (sets & kBlockedBit) != 0;
  const bool saves = (sets & kAllowedBit) != 0;
  const SetMask always = !blocks ? 0 : saves ? kAllowedBit : kBlockedBit;
  counting[HIT_UNASKED] = always;
  counting[HIT_REMOTE] = blocks && !saves ? always : always | (sets & asked.remote);
  counting[HIT_LOCAL] = sets & asked.local;
  return counting;
}

std::array<std::uint32_t, HIT_NAMES> hit_names(const AddressSets& sets) {
  std::array<std::uint32_t, HIT_NAMES> names{};
  for (const std::string& name : sets.names()) {
    names.at(sets.bit(name).value()) = hit_name(name);
  }
  return names;
}

}  // namespace nicsentry
