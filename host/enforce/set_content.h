// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "host/base/timestamp.h"
#include "host/enforce/undo.h"
#include "host/rules/language/ruleset.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// The content of sets, compared and as rulesets have it.

using EntriesByRange = std::map<AddressRange, SetEntry>;
EntriesByRange by_range(std::span<const SetEntry> entries);
std::vector<SetEntry> entries_of(const EntriesByRange& entries);

// The entries that a ruleset wants in a set: those that have not ended.
EntriesByRange wanted_entries(const RulesetSet& set, TimestampNs now_ns);

// The content of a set once a change is taken back.
std::vector<SetEntry> content_before(std::span<const SetEntry> now, const SetUndo& undo);

// How many entries of a set are `added`, `removed` and `changed`, for Firewall::compare().
nlohmann::ordered_json set_difference(const std::string& set, std::span<const SetEntry> now,
                                      std::span<const SetEntry> next);

// A list of entries as rulesets have them.
nlohmann::ordered_json set_entries_json(std::span<const SetEntry> entries);

}  // namespace nicsentry
