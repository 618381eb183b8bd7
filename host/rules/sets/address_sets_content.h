// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/rules/sets/address_sets.h"
#include "host/rules/sets/address_table.h"
#include "host/rules/sets/range_map.h"
#include "host/rules/sets/range_nodes.h"
#include "host/rules/sets/set_classes.h"
#include "host/rules/sets/set_ends.h"
#include "host/rules/sets/set_members.h"
#include "host/rules/sets/sorted_runs.h"

namespace nicsentry {

// A single address in sets, and the sets.
struct Single {
  AddressKey address;
  SetMask sets = 0;

  const AddressKey& key() const { return address; }
};

// A single address that a change adds, removes or updates.
struct SingleChange {
  AddressKey address;
  SetMask flips = 0;  // bits of Single::sets
};

// The result of a change before it is committed.
struct Draft {
  explicit Draft(const SetClasses& before) : classes(before) {}

  SetClasses classes;
  Families<std::vector<SingleChange>> singles;
  Families<std::optional<RangeMap>> ranges;  // set if they change
  Families<RangeTop> tops;
  std::vector<std::uint32_t> replaced_nodes;
  std::vector<SetUpdate::NodeUpdate> nodes;
  std::vector<AddressChange> addresses;
};

// The parts of AddressSets.
struct AddressSets::Content {
  Content(const Room& size, const AddressKeys& keys)
      : room(size), nodes(room.first_node, room.nodes), table(room.buckets, keys) {
    std::copy(keys.begin(), keys.end(), control.keys);
    control.set_roots[kIpv4] = control.set_roots[kIpv6] = INTERVAL_LEAF;
  }

  AddressSet* find(const std::string& name) const;
  AddressSet& get(const std::string& name) const;
  SetEnds::Sets by_bit() const;

  SetUpdate apply(std::span<const SetChange> changes);
  void draft_ranges(std::span<const SetChange> changes, std::size_t family, Draft& draft) const;
  void draft_singles(std::size_t family, Draft& draft) const;
  SetUpdate adopt(const InForce& former, const std::vector<std::vector<std::string>>& class_names);
  std::vector<SetMask> masks_of(const std::vector<std::vector<std::string>>& class_names) const;
  std::vector<AddressChange> changes_from(const AddressTable& former, bool former_ranges, SetClasses& numbers) const;
  SetUpdate update_of(std::vector<SetUpdate::NodeUpdate> new_nodes, AddressPlan plan, std::size_t singles_before);
  void commit(std::span<const SetChange> changes, Draft& draft);

  Room room;
  std::vector<std::unique_ptr<AddressSet>> sets;  // in order of creation
  Families<SortedRuns<Single>> singles;
  Families<RangeMap> ranges;
  Families<RangeTop> tops;
  RangeNodes nodes;
  SetClasses classes;
  AddressTable table;
  SetEnds ends;
  fw_config control{};
  bool notes_entries = false;
};

}  // namespace nicsentry
