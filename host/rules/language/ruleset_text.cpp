// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/ruleset_text.h"

#include <array>
#include <chrono>
#include <initializer_list>
#include <span>
#include <utility>

#include "host/rules/language/chain_settings.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/language/ruleset_fields.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using namespace ruleset_fields;
using Order = std::span<const char* const>;

// Exactly, so that it is the same when it is read again.
ordered_json lifetime_json(std::chrono::nanoseconds lifetime) {
  if (lifetime % std::chrono::seconds(1) == std::chrono::nanoseconds::zero()) return lifetime_text(lifetime);
  return std::chrono::duration<double>(lifetime).count();
}

// The fields of an object that it has, in this order.
std::string line_of(const json& object, std::initializer_list<Order> order) {
  if (!object.is_object()) return python_json(object);
  ordered_json ordered = ordered_json::object();
  for (const Order names : order) {
    for (const char* name : names) {
      if (object.contains(name)) ordered[name] = object.at(name);
    }
  }
  return python_json(ordered);
}

// A list with an element a line.
template <typename Line>
std::string list_text(const json& list, const std::string& indent, Line line) {
  std::string text;
  for (const json& element : list) text += (text.empty() ? "\n" : ",\n") + indent + "  " + line(element);
  return text.empty() ? "[]" : "[" + text + "\n" + indent + "]";
}

}  // namespace

std::string ruleset_text(const json& ruleset) {
  std::string text;
  const auto add = [&text](const std::string& name, const std::string& value) {
    text += (text.empty() ? "{\n  \"" : ",\n  \"") + name + "\": " + value;
  };
  if (ruleset.contains(kVersion)) add(kVersion, ruleset.at(kVersion).dump());
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (!ruleset.contains(chain_name(chain))) continue;
    const json& object = ruleset.at(chain_name(chain));
    std::string fields = "{";
    for (const char* setting : kSettings) {
      if (object.contains(setting)) {
        fields += "\n    \"" + std::string(setting) + "\": " + python_json(object.at(setting)) + ",";
      }
    }
    constexpr std::array kEnd = {kExpiresNs};
    const std::string rules = list_text(object.value(kRules, json::array()), "    ", [&](const json& rule) {
      return line_of(rule, {rule_fields(), kEnd});
    });
    fields += "\n    \"rules\": ";
    fields += rules;
    fields += "\n  }";
    add(chain_name(chain), fields);
  }
  if (ruleset.contains(kSets)) {
    std::string sets;
    for (const auto& set : ruleset.at(kSets).items()) {
      sets += (sets.empty() ? "\n    \"" : ",\n    \"") + set.key() + "\": " +
              list_text(set.value(), "    ", [&](const json& entry) { return line_of(entry, {kEntryFields}); });
    }
    add(kSets, sets.empty() ? "{}" : "{" + sets + "\n  }");
  }
  return text + "\n}\n";
}

ordered_json ruleset_json(const ChainRules& chain) {
  ordered_json rules = ordered_json::array();
  for (std::size_t i = 0; i < chain.rules.size(); ++i) {
    const Rule& rule = chain.rules[i];
    ordered_json fields = rule_json(rule, i, 0);
    fields.erase("id");
    fields.erase(kExpires);
    if (rule.expires_ns) {
      if (rule.lifetime) fields[kExpires] = lifetime_json(*rule.lifetime);
      fields[kExpiresNs] = *rule.expires_ns;
    }
    rules.push_back(std::move(fields));
  }
  return {{"default", chain.default_action == RuleAction::drop ? "drop" : "accept"},
          {"accept_established", chain.accept_established},
          {"unjudged", unjudged_name(chain.drop_unjudged)},
          {"non_ip", non_ip_json(chain.non_ip)},
          {kRules, std::move(rules)}};
}

}  // namespace nicsentry
