// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/rules/sets/address_key.h"
#include "host/rules/sets/address_sets.h"
#include "host/rules/sets/sorted_runs.h"

namespace nicsentry {

constexpr TimestampNs kNever = std::numeric_limits<TimestampNs>::max();

// An entry of a set in internal form.
struct SetMember {
  AddressKey first;
  AddressKey last;
  TimestampNs ends = kNever;

  std::pair<AddressKey, AddressKey> key() const { return {first, last}; }
  // Returns whether the entry is kept in the table of single addresses. An IPv6 address that has the key of an IPv4
  // address there is kept as a range.
  bool single() const { return first == last && !is_ipv4_in_table(first); }
};

// By family.
template <typename T>
using Families = std::array<T, kFamilies>;

struct AddressSet {
  std::string name;
  unsigned bit = 0;
  Families<SortedRuns<SetMember>> members;
};

// The effect of an update on a set. It has only entries that really change, and no range twice.
struct SetChange {
  explicit SetChange(AddressSet& changed) : set(&changed) {}

  AddressSet* set;
  Families<std::vector<SetMember>> added;
  Families<std::vector<SetMember>> removed;
  Families<std::vector<SetMember>> renewed;  // entries whose expiry changes
};

// If a range occurs twice, the last one counts. All throw Error for an invalid range.
SetChange adding(AddressSet& set, std::span<const SetEntry> entries);
SetChange removing(AddressSet& set, std::span<const AddressRange> ranges);
SetChange replacing(AddressSet& set, std::span<const SetEntry> entries);
SetChange clearing(AddressSet& set);
void perform(const SetChange& change);

}  // namespace nicsentry
