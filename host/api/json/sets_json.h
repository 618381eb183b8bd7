// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/api/json/enforced_json.h"
#include "host/api/json/fields.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// Throws BadRequest where the text is not a set's name.
void require_set_name(const std::string& name);

// Packets that entries counted, and their bytes.
struct Hits {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

struct ListedSet {
  std::string name;
  std::size_t entries = 0;
  std::size_t used_by_rules = 0;
  std::optional<Hits> hits{};  // of all entries
};
struct SetsAnswer {
  std::vector<ListedSet> sets;
};
nlohmann::ordered_json encode(const SetsAnswer& answer);
template <>
SetsAnswer decode(const nlohmann::json& answer);

struct ListedEntry {
  AddressRange range;
  std::optional<double> expires_s;  // from now on
  std::optional<Hits> hits{};
};
struct SetEntriesAnswer {
  std::vector<ListedEntry> entries;
};
nlohmann::ordered_json encode(const SetEntriesAnswer& answer);
template <>
SetEntriesAnswer decode(const nlohmann::json& answer);

// An entry that is to be in a set.
struct RequestedEntry {
  AddressRange range;
  std::optional<std::chrono::nanoseconds> lifetime{};  // none: that of the request
};

// Entries that are to be added to a set.
struct SetAdditionRequest {
  std::vector<RequestedEntry> entries;
  std::optional<std::chrono::nanoseconds> lifetime;  // none: they stay
  bool shorten = false;                              // also entries that would end later
};
nlohmann::ordered_json encode(const SetAdditionRequest& request);
template <>
SetAdditionRequest decode(const nlohmann::json& request);

// Entries that are to replace all that a set has.
struct SetReplacementRequest {
  std::vector<RequestedEntry> entries;
  std::optional<std::chrono::nanoseconds> lifetime;  // none: they stay
  bool allow_empty = false;                          // also where packets are judged by the set
};
nlohmann::ordered_json encode(const SetReplacementRequest& request);
template <>
SetReplacementRequest decode(const nlohmann::json& request);

struct SetAddition {
  std::size_t changed = 0;
  double took_ms = 0;                // until the entries were in force
  std::size_t renewed = 0;           // entries that the set had, with another end
  std::vector<ListedEntry> former;   // some of them, as they were
  std::size_t outlasting = 0;        // entries that stay as they are: they end later than was asked
  std::vector<ListedEntry> longer;   // some of them
  std::vector<AddressRange> exempt;  // some that are blocked, but in the set `allowed`
  // Some of the new entries: with a wider entry that covers it, and with the number of entries that it covers.
  std::vector<std::pair<AddressRange, AddressRange>> covered;
  std::vector<std::pair<AddressRange, std::size_t>> narrower;
  Enforced enforced;
};
nlohmann::ordered_json encode(const SetAddition& answer);
template <>
SetAddition decode(const nlohmann::json& answer);

// The entries that a set has after it was replaced.
struct SetReplacement {
  std::size_t entries = 0;
  Enforced enforced;
};
nlohmann::ordered_json encode(const SetReplacement& answer);
template <>
SetReplacement decode(const nlohmann::json& answer);

struct SetRemovalRequest {
  std::vector<AddressRange> entries;
};
nlohmann::ordered_json encode(const SetRemovalRequest& request);
template <>
SetRemovalRequest decode(const nlohmann::json& request);

struct SetRemoval {
  std::size_t changed = 0;
  std::vector<AddressRange> missing;  // that were not entries
  // Addresses that the set still has, each with a wider entry that covers it.
  std::vector<std::pair<AddressRange, AddressRange>> staying;
  Enforced enforced;
};
nlohmann::ordered_json encode(const SetRemoval& answer);
template <>
SetRemoval decode(const nlohmann::json& answer);

}  // namespace nicsentry
