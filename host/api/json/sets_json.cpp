// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/sets_json.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/lifetime.h"

namespace nicsentry {
namespace {

using json_fields::kBool;
using json_fields::kNumber;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kErrorsReported = 20;
constexpr const char* kRangesAllowed = "a list of addresses, prefixes and ranges";

double seconds_of(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

ordered_json encode(const std::vector<AddressRange>& ranges) {
  ordered_json list = ordered_json::array();
  for (const AddressRange& range : ranges) {
    list.push_back(range.text());
  }
  return list;
}

std::vector<AddressRange> get_ranges(Fields& fields, const char* name) {
  const json& list = fields.list(name, kRangesAllowed);
  std::vector<AddressRange> ranges;
  ranges.reserve(list.size());
  for (const json& element : list) {
    if (!element.is_string()) {
      fields.fail(name, kRangesAllowed);
    }
    ranges.push_back(parse_address_range(element.get_ref<const std::string&>()));
  }
  return ranges;
}

AddressRange get_range(Fields& fields, const char* name) {
  return parse_address_range(fields.get<std::string>(name, "an address, a prefix or a range"));
}

using Covered = std::vector<std::pair<AddressRange, AddressRange>>;

// Ranges, each with a wider one that covers it.
ordered_json encode_covered(const Covered& covered) {
  ordered_json list = ordered_json::array();
  for (const auto& [range, by] : covered) {
    list.push_back({{"range", range.text()}, {"by", by.text()}});
  }
  return list;
}

Covered get_covered(Fields& fields, const char* name) {
  const json& list = fields.list(name);
  Covered covered;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields one = fields.element(name, list, i);
    covered.emplace_back(get_range(one, "range"), get_range(one, "by"));
  }
  return covered;
}

std::optional<std::chrono::nanoseconds> find_lifetime(Fields& fields) {
  const auto seconds = fields.find<double>("for_s", kLifetimeAllowed);
  const auto lifetime = seconds ? lifetime_of_seconds(*seconds) : std::nullopt;
  if (seconds && !lifetime) {
    fields.fail("for_s", kLifetimeAllowed);
  }
  return lifetime;
}

ordered_json encode(const std::vector<RequestedEntry>& entries) {
  ordered_json list = ordered_json::array();
  for (const RequestedEntry& entry : entries) {
    if (entry.lifetime) {
      list.push_back({{"range", entry.range.text()}, {"for_s", seconds_of(*entry.lifetime)}});
    } else {
      list.push_back(entry.range.text());
    }
  }
  return list;
}

// Reads each element. Every wrong one is reported, a line each, up to a limit.
template <typename Read>
auto read_each(const json& list, Read read) {
  std::vector<decltype(read(std::size_t{}))> elements;
  elements.reserve(list.size());
  std::string errors;
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    try {
      elements.push_back(read(i));
    } catch (const Error& error) {
      if (wrong++ < kErrorsReported) {
        errors += (errors.empty() ? "" : "\n") + std::string(error.what());
      }
    }
  }
  if (wrong > kErrorsReported) {
    errors += "\nand " + std::to_string(wrong - kErrorsReported) + " more";
  }
  if (wrong != 0) {
    throw BadRequest(errors);
  }
  return elements;
}

std::vector<RequestedEntry> get_requested_entries(Fields& fields) {
  const json& list = fields.list("entries", kRangesAllowed);
  if (!std::all_of(list.begin(), list.end(), [](const json& one) { return one.is_string() || one.is_object(); })) {
    fields.fail("entries", kRangesAllowed);
  }
  return read_each(list, [&](std::size_t index) -> RequestedEntry {
    if (list[index].is_string()) {
      return {parse_address_range(list[index].get_ref<const std::string&>())};
    }
    Fields entry = fields.element("entries", list, index);
    const RequestedEntry requested{get_range(entry, "range"), find_lifetime(entry)};
    entry.finish();
    return requested;
  });
}

std::vector<AddressRange> get_requested_ranges(Fields& fields) {
  const auto texts = fields.get<std::vector<std::string>>("entries", kRangesAllowed);
  return read_each(fields.list("entries"), [&texts](std::size_t index) { return parse_address_range(texts[index]); });
}

void add_hits(ordered_json& object, const std::optional<Hits>& hits) {
  if (hits) {
    object["packets"] = hits->packets;
    object["bytes"] = hits->bytes;
  }
}

std::optional<Hits> find_hits(Fields& fields) {
  const auto packets = fields.find<std::uint64_t>("packets", kNumber);
  const auto bytes = fields.find<std::uint64_t>("bytes", kNumber);
  return packets && bytes ? std::optional(Hits{*packets, *bytes}) : std::nullopt;
}

ordered_json encode(const ListedEntry& entry) {
  ordered_json object = {{"range", entry.range.text()}};
  if (entry.expires_s) {
    object["expires_s"] = *entry.expires_s;
  }
  add_hits(object, entry.hits);
  return object;
}

ordered_json encode(const std::vector<ListedEntry>& entries) {
  ordered_json list = ordered_json::array();
  for (const ListedEntry& entry : entries) {
    list.push_back(encode(entry));
  }
  return list;
}

std::vector<ListedEntry> get_listed_entries(Fields& fields, const char* name) {
  const json& list = fields.list(name);
  std::vector<ListedEntry> entries;
  entries.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields entry = fields.element(name, list, i);
    entries.push_back(
        {get_range(entry, "range"), entry.find<double>("expires_s", "a number of seconds"), find_hits(entry)});
  }
  return entries;
}

template <typename Requested>
ordered_json request_of(const Requested& request, const char* flag, bool set) {
  ordered_json object = {{"entries", encode(request.entries)}};
  if (request.lifetime) {
    object["for_s"] = seconds_of(*request.lifetime);
  }
  if (set) {
    object[flag] = true;
  }
  return object;
}

}  // namespace

void require_set_name(const std::string& name) {
  try {
    check_set_name(name);
  } catch (const Error& error) {
    throw BadRequest(error.what());
  }
}

ordered_json encode(const SetsAnswer& answer) {
  ordered_json sets = ordered_json::array();
  for (const ListedSet& set : answer.sets) {
    sets.push_back({{"name", set.name}, {"entries", set.entries}, {"used_by_rules", set.used_by_rules}});
    add_hits(sets.back(), set.hits);
  }
  return {{"sets", std::move(sets)}};
}

template <>
SetsAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  SetsAnswer decoded;
  const json& sets = fields.list("sets");
  for (std::size_t i = 0; i < sets.size(); ++i) {
    Fields set = fields.element("sets", sets, i);
    decoded.sets.push_back({set.get<std::string>("name", "a name"), set.get<std::size_t>("entries", kNumber),
                            set.get<std::size_t>("used_by_rules", kNumber), find_hits(set)});
  }
  return decoded;
}

ordered_json encode(const SetEntriesAnswer& answer) { return {{"entries", encode(answer.entries)}}; }

template <>
SetEntriesAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {get_listed_entries(fields, "entries")};
}

ordered_json encode(const SetAdditionRequest& request) { return request_of(request, "shorten", request.shorten); }

template <>
SetAdditionRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  SetAdditionRequest decoded{get_requested_entries(fields), find_lifetime(fields),
                             fields.find<bool>("shorten", kBool).value_or(false)};
  fields.finish();
  return decoded;
}

ordered_json encode(const SetReplacementRequest& request) {
  return request_of(request, "allow_empty", request.allow_empty);
}

template <>
SetReplacementRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  SetReplacementRequest decoded{get_requested_entries(fields), find_lifetime(fields),
                                fields.find<bool>("allow_empty", kBool).value_or(false)};
  fields.finish();
  return decoded;
}

ordered_json encode(const SetAddition& answer) {
  ordered_json narrower = ordered_json::array();
  for (const auto& [range, entries] : answer.narrower) {
    narrower.push_back({{"range", range.text()}, {"entries", entries}});
  }
  return {{"changed", answer.changed},       {"took_ms", answer.took_ms},
          {"renewed", answer.renewed},       {"former", encode(answer.former)},
          {"outlasting", answer.outlasting}, {"longer", encode(answer.longer)},
          {"exempt", encode(answer.exempt)}, {"covered", encode_covered(answer.covered)},
          {"narrower", std::move(narrower)}, {"enforced", encode(answer.enforced)}};
}

// A former version, which has made the change, does not name `covered` and `narrower`.
template <>
SetAddition decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  SetAddition decoded;
  decoded.changed = fields.get<std::size_t>("changed", kNumber);
  decoded.took_ms = fields.get<double>("took_ms", kNumber);
  decoded.renewed = fields.get<std::size_t>("renewed", kNumber);
  decoded.former = get_listed_entries(fields, "former");
  decoded.outlasting = fields.get<std::size_t>("outlasting", kNumber);
  decoded.longer = get_listed_entries(fields, "longer");
  decoded.exempt = get_ranges(fields, "exempt");
  if (fields.has("covered")) {
    decoded.covered = get_covered(fields, "covered");
  }
  if (fields.has("narrower")) {
    const json& narrower = fields.list("narrower");
    for (std::size_t i = 0; i < narrower.size(); ++i) {
      Fields one = fields.element("narrower", narrower, i);
      decoded.narrower.emplace_back(get_range(one, "range"), one.get<std::size_t>("entries", kNumber));
    }
  }
  decoded.enforced = get_enforced(fields);
  return decoded;
}

ordered_json encode(const SetReplacement& answer) {
  return {{"entries", answer.entries}, {"enforced", encode(answer.enforced)}};
}

template <>
SetReplacement decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {fields.get<std::size_t>("entries", kNumber), get_enforced(fields)};
}

ordered_json encode(const SetRemovalRequest& request) { return {{"entries", encode(request.entries)}}; }

template <>
SetRemovalRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  SetRemovalRequest decoded{get_requested_ranges(fields)};
  fields.finish();
  return decoded;
}

ordered_json encode(const SetRemoval& answer) {
  return {{"changed", answer.changed},
          {"missing", encode(answer.missing)},
          {"staying", encode_covered(answer.staying)},
          {"enforced", encode(answer.enforced)}};
}

template <>
SetRemoval decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  SetRemoval decoded;
  decoded.changed = fields.get<std::size_t>("changed", kNumber);
  decoded.missing = get_ranges(fields, "missing");
  decoded.staying = get_covered(fields, "staying");
  decoded.enforced = get_enforced(fields);
  return decoded;
}

}  // namespace nicsentry
