// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstring>
#include <utility>

#include "host/base/error.h"
#include "host/rules/sets/address_sets_content.h"

namespace nicsentry {
namespace {

std::size_t family_in_table(const AddressKey& key) { return is_ipv4_in_table(key) ? kIpv4 : kIpv6; }

AddressKey from_table(const AddressKey& key) { return is_ipv4_in_table(key) ? AddressKey{key.low, 0} : key; }

// Clears all buckets if none were in force: the programs then found nothing in them.
std::vector<address_bucket> readable_buckets(const AddressSets::InForce& former,
                                             std::vector<SetUpdate::BucketUpdate>& cleared) {
  std::vector<address_bucket> buckets = former.buckets;
  if (former.control.buckets != 0) {
    return buckets;
  }
  for (std::uint32_t index = 0; index < buckets.size(); ++index) {
    auto& sets = buckets[index].sets;
    if (std::any_of(std::begin(sets), std::end(sets), [](auto word) { return word != 0; })) {
      std::fill(std::begin(sets), std::end(sets), 0);
      cleared.push_back({index, buckets[index]});
    }
  }
  return buckets;
}

}  // namespace

bool AddressSets::InForce::operator==(const InForce& other) const {
  return std::memcmp(&control, &other.control, sizeof(control)) == 0 && nodes == other.nodes &&
         buckets.size() == other.buckets.size() &&
         std::memcmp(buckets.data(), other.buckets.data(), buckets.size() * sizeof(address_bucket)) == 0;
}

std::vector<std::vector<std::string>> AddressSets::class_names() const {
  std::vector<std::vector<std::string>> names;
  for (const SetMask mask : content_->classes.masks()) {
    auto& of_class = names.emplace_back();
    for (const auto& set : content_->sets) {
      if ((mask >> set->bit & 1U) != 0) {
        of_class.push_back(set->name);
      }
    }
  }
  return names;
}

SetUpdate AddressSets::adopt(const InForce& former, const std::vector<std::vector<std::string>>& class_names) {
  return content_->adopt(former, class_names);
}

// Ignores sets that no longer exist: no rule names them.
std::vector<SetMask> AddressSets::Content::masks_of(const std::vector<std::vector<std::string>>& class_names) const {
  if (class_names.empty() || class_names.size() > SET_CLASSES) {
    throw Error("address sets: adopting " + std::to_string(class_names.size()) + " classes of addresses; 1 to " +
                std::to_string(SET_CLASSES) + " are possible");
  }
  std::vector<SetMask> masks;
  for (const auto& names : class_names) {
    SetMask& mask = masks.emplace_back(0);
    for (const std::string& name : names) {
      if (const AddressSet* set = find(name)) {
        mask |= SetMask{1} << set->bit;
      }
    }
  }
  return masks;
}

// Acquires the classes of all single addresses.
std::vector<AddressChange> AddressSets::Content::changes_from(const AddressTable& former, bool former_ranges,
                                                              SetClasses& numbers) const {
  std::vector<AddressChange> changes;
  for (std::size_t family = 0; family < kFamilies; ++family) {
    singles[family].visit_all([&](const Single& single) {
      const std::uint16_t wanted = numbers.acquire(single.sets | ranges[family].mask_at(single.address));
      const std::uint16_t there = former.sets_of(single.address, family);
      if (wanted != there) {
        const AddressOrder order = there == 0 && former_ranges ? AddressOrder::before_switch : AddressOrder::any;
        changes.push_back({single.address, wanted, static_cast<std::uint8_t>(family), order, there != 0});
      }
    });
  }
  former.for_each([&](const AddressKey& in_table, std::uint16_t) {
    const std::size_t family = family_in_table(in_table);
    const AddressKey key = from_table(in_table);
    if (singles[family].find(key) == nullptr) {
      const bool in_range = ranges[family].mask_at(key) != 0;
      changes.push_back(
          {key, 0, static_cast<std::uint8_t>(family), in_range ? AddressOrder::after_switch : AddressOrder::any, true});
    }
  });
  return changes;
}

// Does everything that can fail before it changes anything.
SetUpdate AddressSets::Content::adopt(const InForce& former, const std::vector<std::vector<std::string>>& class_names) {
  if (former.buckets.size() != room.buckets ||
      (former.control.buckets != 0 && former.control.buckets != room.buckets)) {
    throw Error("address sets: adopting " + std::to_string(former.buckets.size()) + " buckets; there is room for " +
                std::to_string(room.buckets));
  }
  AddressKeys keys{};
  std::copy(std::begin(former.control.keys), std::end(former.control.keys), keys.begin());
  std::vector<SetUpdate::BucketUpdate> cleared;
  AddressTable next_table(readable_buckets(former, cleared), keys, cleared);
  const std::size_t singles_before = next_table.size();
  SetClasses next_classes(masks_of(class_names));
  RangeNodes next_nodes(room.first_node, room.nodes, former.nodes);
  std::vector<SetUpdate::NodeUpdate> new_nodes;
  Families<RangeMap> next_ranges;
  Families<RangeTop> next_tops;
  for (std::size_t family = 0; family < kFamilies; ++family) {
    next_ranges[family] = ranges[family].unbuilt();
    for (const auto& block : next_ranges[family].blocks()) {
      for (const CoverBoundary& boundary : block->boundaries) {
        next_classes.acquire(boundary.cover.mask);
      }
    }
    next_tops[family] = next_nodes.build(next_ranges[family], family, next_classes, new_nodes);
  }
  next_nodes.check(former.nodes.size());
  AddressPlan plan = next_table.change(changes_from(next_table, !former.nodes.empty(), next_classes));

  next_classes.release_adopted();
  next_nodes.commit(former.nodes);
  ranges = std::move(next_ranges);
  tops = std::move(next_tops);
  nodes = std::move(next_nodes);
  classes = std::move(next_classes);
  table = std::move(next_table);
  control = former.control;
  control.config = 0;
  SetUpdate update = update_of(std::move(new_nodes), std::move(plan), singles_before);
  if (!cleared.empty()) {
    update.steps.insert(update.steps.begin(), SetUpdate::Step{})->buckets = std::move(cleared);
  }
  return update;
}

}  // namespace nicsentry
