// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/sets_json.h"

#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/lifetime.h"

namespace nicsentry {
namespace {

using json_fields::kNumber;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kErrorsReported = 20;
constexpr const char* kRangesAllowed = "a list of addresses, prefixes and ranges";

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

// The same of a request: every wrong entry is reported, a line each, up to a limit.
std::vector<AddressRange> get_requested_ranges(Fields& fields) {
  const auto texts = fields.get<std::vector<std::string>>("entries", kRangesAllowed);
  std::vector<AddressRange> ranges;
  ranges.reserve(texts.size());
  std::string errors;
  std::size_t wrong = 0;
  for (const std::string& text : texts) {
    try {
      ranges.push_back(parse_address_range(text));
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
  return ranges;
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
                            set.get<std::size_t>("used_by_rules", kNumber)});
  }
  return decoded;
}

ordered_json encode(const SetEntriesAnswer& answer) {
  ordered_json list = ordered_json::array();
  for (const ListedEntry& entry : answer.entries) {
    ordered_json object = {{"range", entry.range.text()}};
    if (entry.expires_s) {
      object["expires_s"] = *entry.expires_s;
    }
    list.push_back(std::move(object));
  }
  return {{"entries", std::move(list)}};
}

template <>
SetEntriesAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  SetEntriesAnswer decoded;
  const json& entries = fields.list("entries");
  decoded.entries.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Fields entry = fields.element("entries", entries, i);
    decoded.entries.push_back({get_range(entry, "range"), entry.find<double>("expires_s", "a number of seconds")});
  }
  return decoded;
}

ordered_json encode(const SetEntriesRequest& request) {
  ordered_json object = {{"entries", encode(request.entries)}};
  if (request.lifetime) {
    object["for_s"] = std::chrono::duration<double>(*request.lifetime).count();
  }
  return object;
}

template <>
SetEntriesRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  SetEntriesRequest decoded{get_requested_ranges(fields), std::nullopt};
  if (const auto seconds = fields.find<double>("for_s", kLifetimeAllowed)) {
    decoded.lifetime = lifetime_of_seconds(*seconds);
    if (!decoded.lifetime) {
      fields.fail("for_s", kLifetimeAllowed);
    }
  }
  fields.finish();
  return decoded;
}

ordered_json encode(const SetAddition& answer) {
  return {{"changed", answer.changed}, {"took_ms", answer.took_ms}, {"enforced", encode(answer.enforced)}};
}

template <>
SetAddition decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {fields.get<std::size_t>("changed", kNumber), fields.get<double>("took_ms", kNumber), get_enforced(fields)};
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
  ordered_json staying = ordered_json::array();
  for (const auto& [range, by] : answer.staying) {
    staying.push_back({{"range", range.text()}, {"by", by.text()}});
  }
  return {{"changed", answer.changed},
          {"missing", encode(answer.missing)},
          {"staying", std::move(staying)},
          {"enforced", encode(answer.enforced)}};
}

template <>
SetRemoval decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  SetRemoval decoded;
  decoded.changed = fields.get<std::size_t>("changed", kNumber);
  decoded.missing = get_ranges(fields, "missing");
  const json& staying = fields.list("staying");
  for (std::size_t i = 0; i < staying.size(); ++i) {
    Fields one = fields.element("staying", staying, i);
    decoded.staying.emplace_back(get_range(one, "range"), get_range(one, "by"));
  }
  decoded.enforced = get_enforced(fields);
  return decoded;
}

}  // namespace nicsentry
