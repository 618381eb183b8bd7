// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/set_content.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace nicsentry {

using nlohmann::ordered_json;

EntriesByRange by_range(std::span<const SetEntry> entries) {
  EntriesByRange found;
  for (const SetEntry& entry : entries) {
    found.insert_or_assign(entry.range, entry);
  }
  return found;
}

std::vector<SetEntry> entries_of(const EntriesByRange& entries) {
  std::vector<SetEntry> list;
  std::transform(entries.begin(), entries.end(), std::back_inserter(list),
                 [](const auto& found) { return found.second; });
  return list;
}

EntriesByRange wanted_entries(const RulesetSet& set, TimestampNs now_ns) {
  EntriesByRange wanted;
  for (const RulesetEntry& entry : set.entries) {
    if (!entry.expires_ns || *entry.expires_ns > now_ns) {
      wanted.insert_or_assign(entry.range, SetEntry{entry.range, entry.expires_ns});
    }
  }
  return wanted;
}

std::vector<SetEntry> content_before(std::span<const SetEntry> now, const SetUndo& undo) {
  EntriesByRange entries = by_range(now);
  for (const AddressRange& range : undo.remove) {
    entries.erase(range);
  }
  for (const SetEntry& entry : undo.put) {
    entries.insert_or_assign(entry.range, entry);
  }
  return entries_of(entries);
}

ordered_json set_difference(const std::string& set, std::span<const SetEntry> now, std::span<const SetEntry> next) {
  const EntriesByRange before = by_range(now);
  const EntriesByRange after = by_range(next);
  std::size_t added = 0;
  std::size_t changed = 0;
  for (const auto& [range, entry] : after) {
    const auto found = before.find(range);
    added += found == before.end() ? 1 : 0;
    changed += found != before.end() && found->second != entry ? 1 : 0;
  }
  const std::size_t removed = before.size() + added - after.size();
  return {{"set", set}, {"difference", "changed"}, {"added", added}, {"removed", removed}, {"changed", changed}};
}

ordered_json set_entries_json(std::span<const SetEntry> entries) {
  ordered_json list = ordered_json::array();
  for (const SetEntry& entry : entries) {
    if (entry.expires_ns) {
      list.push_back({{"range", entry.range.text()}, {"expires_ns", *entry.expires_ns}});
    } else {
      list.push_back(entry.range.text());
    }
  }
  return list;
}

}  // namespace nicsentry
