// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/undo.h"

#include <algorithm>
#include <set>

#include "host/enforce/set_content.h"

namespace nicsentry {
std::string Undo::what() const {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "the change of " : " and of ") + part; };
  if (chains.size() > 1) {
    add("both chains");
  } else if (!chains.empty()) {
    add(std::string("the ") + chain_name(chains.front().chain) + " chain");
  }
  for (const SetUndo& set : sets) {
    add("the set '" + set.set + "'");
  }
  return text;
}

bool Undo::is_of(Chain changed) const {
  return std::any_of(chains.begin(), chains.end(), [changed](const ChainUndo& undo) { return undo.chain == changed; });
}

bool Undo::is_of(const std::string& changed) const {
  return std::any_of(sets.begin(), sets.end(), [&changed](const SetUndo& undo) { return undo.set == changed; });
}

bool Undo::leave(const std::string& changed, std::span<const AddressRange> ranges) {
  const auto found =
      std::find_if(sets.begin(), sets.end(), [&changed](const SetUndo& undo) { return undo.set == changed; });
  if (found == sets.end()) {
    return false;
  }
  const std::set<AddressRange> left(ranges.begin(), ranges.end());
  const auto removed =
      std::erase_if(found->remove, [&left](const AddressRange& range) { return left.contains(range); });
  const auto put = std::erase_if(found->put, [&left](const SetEntry& entry) { return left.contains(entry.range); });
  return removed + put != 0;
}

Undo undo_of_adding(const std::string& set, bool made, const std::vector<SetEntry>& content,
                    std::span<const SetEntry> added) {
  Undo undo;
  SetUndo& part = undo.sets.emplace_back(SetUndo{set, made, {}, {}});
  const auto before = by_range(content);
  for (const auto& [range, entry] : by_range(added)) {
    const auto found = before.find(range);
    if (found == before.end()) {
      part.remove.push_back(range);
    } else if (found->second != entry) {
      part.put.push_back(found->second);
    }
  }
  return undo;
}

Undo undo_of_taking(const std::string& set, const std::vector<SetEntry>& content, std::span<const AddressRange> taken) {
  Undo undo;
  SetUndo& part = undo.sets.emplace_back(SetUndo{set, false, {}, {}});
  const std::set<AddressRange> ranges(taken.begin(), taken.end());
  for (const SetEntry& entry : content) {
    if (ranges.contains(entry.range)) {
      part.put.push_back(entry);
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
      undo.sets.front().put.push_back(entry);
    }
  }
  return undo;
}

}  // namespace nicsentry
