// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/undo.h"

#include <map>
#include <set>

namespace nicsentry {
namespace {

std::map<AddressRange, SetEntry> by_range(std::span<const SetEntry> entries) {
  std::map<AddressRange, SetEntry> found;
  for (const SetEntry& entry : entries) {
    found.insert_or_assign(entry.range, entry);
  }
  return found;
}

}  // namespace

std::string Undo::what() const {
  return chain ? std::string("the change of the ") + chain_name(chain->chain) + " chain"
               : "the change of the set '" + set->set + "'";
}

bool Undo::leave(std::span<const AddressRange> ranges) {
  const std::set<AddressRange> left(ranges.begin(), ranges.end());
  const auto removed = std::erase_if(set->remove, [&left](const AddressRange& range) { return left.contains(range); });
  const auto put = std::erase_if(set->put, [&left](const SetEntry& entry) { return left.contains(entry.range); });
  return removed + put != 0;
}

Undo undo_of_adding(const std::string& set, bool made, const std::vector<SetEntry>& content,
                    std::span<const SetEntry> added) {
  Undo undo;
  undo.set = SetUndo{set, made, {}, {}};
  const auto before = by_range(content);
  for (const auto& [range, entry] : by_range(added)) {
    const auto found = before.find(range);
    if (found == before.end()) {
      undo.set->remove.push_back(range);
    } else if (found->second != entry) {
      undo.set->put.push_back(found->second);
    }
  }
  return undo;
}

Undo undo_of_taking(const std::string& set, const std::vector<SetEntry>& content, std::span<const AddressRange> taken) {
  Undo undo;
  undo.set = SetUndo{set, false, {}, {}};
  const std::set<AddressRange> ranges(taken.begin(), taken.end());
  for (const SetEntry& entry : content) {
    if (ranges.contains(entry.range)) {
      undo.set->put.push_back(entry);
    }
  }
  return undo;
}

Undo undo_of_replacing(const std::string& set, bool made, const std::vector<SetEntry>& content,
                       std::span<const SetEntry> next) {
  Undo undo = undo_of_adding(set, made, content, next);
  const auto after = by_range(next);
  for (const SetEntry& entry : content) {
    if (!after.contains(entry.range)) {
      undo.set->put.push_back(entry);
    }
  }
  return undo;
}

}  // namespace nicsentry
