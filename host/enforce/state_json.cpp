// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/state_json.h"

#include <algorithm>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/enforce/state_file.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/ruleset_change.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void check_format(const json& saved) {
  const auto version = saved.is_object() ? saved.value("version", json()) : json();
  if (!version.is_number_integer() || version < 1) {
    throw Error("version: read " + version.dump() + ", allowed is 1 to " + std::to_string(kStateFormat));
  }
  check_not_newer(version.get<std::int64_t>());
}

}  // namespace

void check_fields(const json& object, std::initializer_list<const char*> names, const std::string& where) {
  if (!object.is_object()) {
    throw Error(where + "read " + object.dump().substr(0, kExcerpt) + ", allowed is an object");
  }
  for (const auto& field : object.items()) {
    if (std::none_of(names.begin(), names.end(), [&field](const char* name) { return field.key() == name; })) {
      throw Error(where + "\"" + field.key() + "\": unknown field");
    }
  }
  for (const char* name : names) {
    if (!object.contains(name)) {
      throw Error(where + "\"" + name + "\": missing");
    }
  }
}

ChainRules parse_chain(const json& saved, std::int64_t format, const std::string& where,
                       const std::vector<std::string>& set_names, TimestampNs now_ns) {
  if (format == 1) {
    check_fields(saved, {"default", "accept_established", "rules"}, where + ": ");
  } else {
    check_fields(saved, {"default", "accept_established", "unjudged", "non_ip", "rules"}, where + ": ");
  }
  try {
    const Chain chain = where == chain_name(Chain::egress) ? Chain::egress : Chain::ingress;
    const Ruleset ruleset = parse_ruleset(saved, chain, now_ns);
    check_set_names(ruleset, set_names);
    return chain_of(ruleset.of(chain).value(), now_ns);
  } catch (const BatchError& error) {
    throw Error(where + ": " + error.errors().front());
  }
}

void check_not_newer(std::int64_t format) {
  if (format > kStateFormat) {
    throw Error("format " + std::to_string(format) + " is newer than " + std::to_string(kStateFormat) +
                ", the newest that this nicsentry reads: a newer nicsentry has written it");
  }
}

bool load_json(const std::filesystem::path& path, const std::function<void(const nlohmann::json&)>& act) {
  if (!stands_at(path)) {
    return false;
  }
  const std::string text = read_state_file(path);
  try {
    const json saved = parse_json(text);  // its errors name the line
    check_format(saved);
    act(saved);
    return true;
  } catch (const json::exception& error) {
    throw Error(path.string() + ": " + json_reason(error));
  } catch (const std::exception& error) {
    throw Error(path.string() + ": " + error.what());
  }
}

void save_json(const std::filesystem::path& path, const ordered_json& saved) {
  PendingFile file(path, PendingFile::Kind::create, kModePrivate);
  file.write(saved.dump(1) + "\n");
  file.sync();
  file.finish();
  file.publish();
}

}  // namespace nicsentry
