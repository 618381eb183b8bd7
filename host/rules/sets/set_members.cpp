// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/set_members.h"

#include <algorithm>

#include "host/base/error.h"

namespace nicsentry {
namespace {

using Members = std::vector<SetMember>;

SetMember member(const AddressRange& range, TimestampNs ends) {
  const bool family_known = range.first.version == 4 || range.first.version == 6;
  const SetMember made{address_key(range.first), address_key(range.last), ends};
  if (!family_known || range.first.version != range.last.version || made.last < made.first) {
    throw BadRequest("address sets: " + range.first.text() + "-" + range.last.text() +
                     " is not a range: allowed is a first address that is not above the last, both of one family");
  }
  return made;
}

void sort_without_doubles(Members& members) {
  const auto less = [](const SetMember& a, const SetMember& b) { return a.key() < b.key(); };
  if (!std::is_sorted(members.begin(), members.end(), less)) {
    std::stable_sort(members.begin(), members.end(), less);
  }
  // Unique from the back keeps the last of equal entries.
  const auto kept = std::unique(members.rbegin(), members.rend(),
                                [](const SetMember& a, const SetMember& b) { return a.key() == b.key(); });
  members.erase(members.begin(), kept.base());
}

Families<Members> sorted_members(std::span<const SetEntry> entries) {
  Families<Members> members;
  members[entries.empty() ? kIpv4 : family_of(entries.front().range.first)].reserve(entries.size());
  for (const SetEntry& entry : entries) {
    members[family_of(entry.range.first)].push_back(member(entry.range, entry.expires_ns.value_or(kNever)));
  }
  std::for_each(members.begin(), members.end(), sort_without_doubles);
  return members;
}

}  // namespace

SetChange adding(AddressSet& set, std::span<const SetEntry> entries) {
  SetChange change(set);
  change.added = sorted_members(entries);
  for (std::size_t family = 0; family < kFamilies; ++family) {
    std::erase_if(change.added[family], [&](const SetMember& wanted) {
      const SetMember* present = set.members[family].find(wanted.key());
      if (present != nullptr && present->ends != wanted.ends) {
        change.renewed[family].push_back(wanted);
      }
      return present != nullptr;
    });
  }
  return change;
}

SetChange removing(AddressSet& set, std::span<const AddressRange> ranges) {
  SetChange change(set);
  for (const AddressRange& range : ranges) {
    change.removed[family_of(range.first)].push_back(member(range, kNever));
  }
  for (std::size_t family = 0; family < kFamilies; ++family) {
    sort_without_doubles(change.removed[family]);
    std::erase_if(change.removed[family], [&](SetMember& wanted) {
      const SetMember* present = set.members[family].find(wanted.key());
      if (present != nullptr) {
        wanted.ends = present->ends;
      }
      return present == nullptr;
    });
  }
  return change;
}

SetChange replacing(AddressSet& set, std::span<const SetEntry> entries) {
  const Families<Members> wanted = sorted_members(entries);
  SetChange change(set);
  for (std::size_t family = 0; family < kFamilies; ++family) {
    auto next = wanted[family].begin();
    const auto end = wanted[family].end();
    set.members[family].visit_all([&](const SetMember& present) {
      for (; next != end && next->key() < present.key(); ++next) {
        change.added[family].push_back(*next);
      }
      if (next == end || next->key() != present.key()) {
        change.removed[family].push_back(present);
        return;
      }
      if (next->ends != present.ends) {
        change.renewed[family].push_back(*next);
      }
      ++next;
    });
    change.added[family].insert(change.added[family].end(), next, end);
  }
  return change;
}

SetChange clearing(AddressSet& set) {
  SetChange change(set);
  for (std::size_t family = 0; family < kFamilies; ++family) {
    set.members[family].visit_all([&](const SetMember& present) { change.removed[family].push_back(present); });
  }
  return change;
}

void perform(const SetChange& change) {
  for (std::size_t family = 0; family < kFamilies; ++family) {
    auto& members = change.set->members[family];
    for (const SetMember& removed : change.removed[family]) {
      members.erase(removed.key());
    }
    for (const SetMember& added : change.added[family]) {
      members.insert(added);
    }
    for (const SetMember& changed : change.renewed[family]) {
      members.find(changed.key())->ends = changed.ends;
    }
  }
}

}  // namespace nicsentry
