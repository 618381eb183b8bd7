// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/address_sets.h"
#include "host/rules/sets/set_mask.h"

namespace nicsentry {

// The number by which programs know a set in struct hit_key. It depends on the set's name alone, so that a later run
// finds the counts of this one.
std::uint32_t hit_name(const std::string& set);

// The bytes of a key, for maps.
using HitKeyText = std::array<char, sizeof(hit_key)>;
HitKeyText text_of(const hit_key& key);

// The elements of an entry: one for an address or a prefix, several for another range.
std::vector<hit_key> hit_keys(const std::string& set, const AddressRange& range);

// What is beside a set's own entries, and hidden from lists: new content before it takes the place of the old one.
bool counts_hits(const std::string& set);

// Elements that ranges of several elements have. Other entries may have some of them, too.
class SharedHits {
 public:
  void add(const std::string& set, const std::vector<AddressRange>& entries);
  // Returns the elements that no entry has any more. `sets` are those after the removal.
  std::vector<hit_key> remove(const std::string& set, const std::vector<AddressRange>& entries,
                              const AddressSets& sets);

 private:
  std::map<HitKeyText, unsigned> uses_;
};

// The packets of each entry. An element of several entries counts for the one with the fewest addresses.
using ReadHits = std::function<std::optional<rule_counter>(const hit_key& key)>;
std::vector<std::optional<rule_counter>> hits_of(const std::string& set, const std::vector<SetEntry>& entries,
                                                 const ReadHits& read);

// The sets that rules of a chain ask for, by end.
struct AskedSets {
  SetMask remote = 0;
  SetMask local = 0;
};
// Rules for other interfaces are left out, unless `interface` is empty.
AskedSets asked_sets(const ChainRules& rules, Chain chain, const std::string& interface, const AddressSets& sets);

// The sets of a class whose entries count a packet, by HIT_*.
std::array<std::uint64_t, HIT_PLACES> counting_sets(SetMask sets, const AskedSets& asked);

// The numbers of all sets, by bit.
std::array<std::uint32_t, HIT_NAMES> hit_names(const AddressSets& sets);

}  // namespace nicsentry
