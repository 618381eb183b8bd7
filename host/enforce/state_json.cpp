// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/state_json.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/text_reading.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void check_set_names(const AddressMatch& match, const std::vector<std::string>& known, RuleErrors& errors) {
  for (const auto* sets : {&match.sets, &match.except_sets}) {
    for (const std::string& name : *sets) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        errors.push_back("there is no set '" + name + "'");
      }
    }
  }
}

void check_format(const json& saved) {
  const auto version = saved.is_object() ? saved.value("version", json()) : json();
  if (!version.is_number_integer() || version < 1) {
    throw Error("version: read " + version.dump() + ", allowed is 1 to " + std::to_string(kStateFormat));
  }
  check_not_newer(version.get<std::int64_t>());
}

}  // namespace

ordered_json chain_json(const ChainRules& chain) {
  ordered_json rules = ordered_json::array();
  for (std::size_t i = 0; i < chain.rules.size(); ++i) {
    ordered_json rule = rule_json(chain.rules[i], i, 0);
    rule.erase("id");
    rule.erase("expires");
    if (chain.rules[i].expires_ns) {
      rule["expires_ns"] = *chain.rules[i].expires_ns;
    }
    rules.push_back(std::move(rule));
  }
  return {{"default", chain.default_action == RuleAction::drop ? "drop" : "accept"},
          {"accept_established", chain.accept_established},
          {"unjudged", unjudged_name(chain.drop_unjudged)},
          {"non_ip", non_ip_json(chain.non_ip)},
          {"rules", std::move(rules)}};
}

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
  ChainRules chain;
  if (format == 1) {
    check_fields(saved, {"default", "accept_established", "rules"}, where + ": ");
  } else {
    check_fields(saved, {"default", "accept_established", "unjudged", "non_ip", "rules"}, where + ": ");
    chain.drop_unjudged = parse_unjudged(saved.at("unjudged"));
    chain.non_ip = parse_non_ip(saved.at("non_ip"));
  }
  const std::string action = saved.at("default").get<std::string>();
  if (action != "drop" && action != "accept") {
    throw Error(where + ": default: read \"" + action + "\", allowed is accept or drop");
  }
  chain.default_action = action == "drop" ? RuleAction::drop : RuleAction::accept;
  chain.accept_established = saved.at("accept_established").get<bool>();
  std::size_t number = 0;
  for (json fields : saved.at("rules")) {
    ++number;
    std::optional<TimestampNs> expires;
    if (fields.is_object() && fields.contains("expires_ns")) {
      expires = fields.at("expires_ns").get<TimestampNs>();
      fields.erase("expires_ns");
    }
    RuleErrors errors;
    Rule rule = parse_rule(fields, now_ns, errors);
    check_set_names(rule.match.source, set_names, errors);
    check_set_names(rule.match.destination, set_names, errors);
    if (!errors.empty()) {
      throw Error(where + ": rule " + std::to_string(number) + ": " + errors.front());
    }
    rule.expires_ns = expires;
    if (!expires || *expires > now_ns) {
      chain.rules.push_back(std::move(rule));
    }
  }
  return chain;
}

void check_not_newer(std::int64_t format) {
  if (format > kStateFormat) {
    throw Error("format " + std::to_string(format) + " is newer than " + std::to_string(kStateFormat) +
                ", the newest that this nicsentry reads: a newer nicsentry has written it");
  }
}

bool load_json(const std::filesystem::path& path, const std::function<void(const nlohmann::json&)>& act) {
  if (!std::filesystem::exists(path)) {
    return false;
  }
  std::ifstream file(path);
  if (!file) {
    throw SystemError(errno, "reading " + path.string());
  }
  try {
    const json saved = parse_json(read_text(file, path.string()));  // its errors name the line
    check_format(saved);
    act(saved);
    return true;
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
