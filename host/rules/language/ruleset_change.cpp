// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/ruleset_change.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "host/rules/language/lifetime.h"
#include "host/rules/language/rule_equality.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/language/ruleset_text.h"

namespace nicsentry {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kNone = ~std::size_t{0};

void set_settings(const RulesetChain& file, ChainRules& chain) {
  chain.default_action = file.default_action.value_or(chain.default_action);
  chain.accept_established = file.accept_established.value_or(chain.accept_established);
  chain.drop_unjudged = file.drop_unjudged.value_or(chain.drop_unjudged);
  if (file.non_ip) chain.non_ip = *file.non_ip;
}

// A rule that says when it ends has no lifetime that begins with the load.
bool keeps_end(const Rule& now, const Rule& next) {
  if (!next.expires_ns || !now.expires_ns) return next.expires_ns == now.expires_ns;
  return next.expires_ns == now.expires_ns || (next.lifetime && next.lifetime == now.lifetime);
}

// The rule as a difference shows it.
ordered_json shown(const Rule& rule, TimestampNs now_ns) {
  ordered_json fields = rule_json(rule, 0, now_ns);
  fields.erase("id");
  return fields;
}

// An answer has its fields in another order.
std::string difference_line(const ordered_json& rule) {
  ordered_json ordered = ordered_json::object();
  for (const char* name : rule_fields()) {
    if (rule.contains(name)) ordered[name] = rule.at(name);
  }
  return python_json(ordered);
}

// Which of the places that rules have kept stand in order: the most that can stay where they are.
std::vector<bool> in_order(const std::vector<std::optional<std::size_t>>& former) {
  std::vector<std::size_t> ends;  // of increasing runs by their length: the index of the last one
  std::vector<std::size_t> before(former.size(), kNone);
  for (std::size_t i = 0; i < former.size(); ++i) {
    if (!former[i]) continue;
    const auto less = [&former](std::size_t index, std::size_t id) { return *former[index] < id; };
    const auto place = std::lower_bound(ends.begin(), ends.end(), *former[i], less);
    if (place != ends.begin()) before[i] = *(place - 1);
    if (place == ends.end()) {
      ends.push_back(i);
    } else {
      *place = i;
    }
  }
  std::vector<bool> stays(former.size(), false);
  for (std::size_t i = ends.empty() ? kNone : ends.back(); i != kNone; i = before[i]) stays[i] = true;
  return stays;
}

void add_settings(Chain chain, const ChainRules& now, const ChainRules& next, ordered_json& list) {
  const ordered_json before =
      ruleset_json({{}, now.default_action, now.accept_established, now.drop_unjudged, now.non_ip, now.tcp_pickup});
  const ordered_json after = ruleset_json(
      {{}, next.default_action, next.accept_established, next.drop_unjudged, next.non_ip, next.tcp_pickup});
  for (const auto& setting : before.items()) {
    if (setting.value() != after.at(setting.key())) {
      list.push_back({{"chain", chain_name(chain)},
                      {"difference", "setting"},
                      {"setting", setting.key()},
                      {"in_force", setting.value()},
                      {"ruleset", after.at(setting.key())}});
    }
  }
}

}  // namespace

ChainRules chain_of(const RulesetChain& file, TimestampNs now_ns) { return replace_chain({}, file, now_ns).next; }

ChainChange replace_chain(const ChainRules& now, const RulesetChain& file, TimestampNs now_ns) {
  std::unordered_map<std::string, std::deque<std::size_t>> in_force;
  for (std::size_t id = 0; id < now.rules.size(); ++id) in_force[rule_key(now.rules[id])].push_back(id);
  ChainChange change{now, {}};
  change.next.rules.clear();
  set_settings(file, change.next);
  for (const Rule& wanted : file.rules) {
    const auto found = in_force.find(rule_key(wanted));
    const bool known = found != in_force.end() && !found->second.empty();
    Rule rule = wanted;
    rule.counter = 0;
    std::optional<std::size_t> former;
    if (known) {
      former = found->second.front();
      const Rule& present = now.rules[*former];
      rule.counter = present.counter;
      if (keeps_end(present, wanted)) {
        rule.expires_ns = present.expires_ns;
        rule.lifetime = present.lifetime;
      }
    }
    if (rule.expires_ns && *rule.expires_ns <= now_ns) continue;
    if (known) found->second.pop_front();
    change.next.rules.push_back(std::move(rule));
    change.former.push_back(former);
  }
  return change;
}

ordered_json differences(Chain chain, const ChainRules& now, const ChainChange& change, TimestampNs now_ns) {
  ordered_json list = ordered_json::array();
  add_settings(chain, now, change.next, list);
  const auto add = [&](const char* what, const ordered_json& fields) {
    ordered_json difference = {{"chain", chain_name(chain)}, {"difference", what}};
    difference.update(fields);
    list.push_back(std::move(difference));
  };
  std::vector<bool> kept(now.rules.size(), false);
  for (const auto& id : change.former) {
    if (id) kept[*id] = true;
  }
  for (std::size_t id = 0; id < now.rules.size(); ++id) {
    if (!kept[id]) add("removed", {{"id", id}, {"rule", shown(now.rules[id], now_ns)}});
  }
  const std::vector<bool> stays = in_order(change.former);
  for (std::size_t i = 0; i < change.next.rules.size(); ++i) {
    const Rule& rule = change.next.rules[i];
    if (!change.former[i]) {
      add("added", {{"id", i}, {"rule", shown(rule, now_ns)}});
      continue;
    }
    const Rule& before = now.rules[*change.former[i]];
    if (!stays[i]) add("moved", {{"from", *change.former[i]}, {"to", i}, {"rule", shown(rule, now_ns)}});
    if (before.description != rule.description || before.expires_ns != rule.expires_ns) {
      add("changed", {{"id", i}, {"in_force", shown(before, now_ns)}, {"rule", shown(rule, now_ns)}});
    }
  }
  return list;
}

std::string difference_text(const ordered_json& difference) {
  const std::string what = difference.at("difference");
  const auto number = [&difference](const char* name) {
    return std::to_string(difference.at(name).get<std::size_t>());
  };
  if (difference.contains("set")) {
    const std::string set = "set " + difference.at("set").get<std::string>() + " ";
    if (what == "added") return "+ " + set + "(entries: " + number("entries") + ")";
    return "~ " + set + "(entries: " + number("added") + " added, " + number("removed") + " removed, " +
           number("changed") + " with another end)";
  }
  const std::string chain = difference.at("chain").get<std::string>() + " ";
  if (what == "setting") {
    return "~ " + chain + difference.at("setting").get<std::string>() + " " + difference.at("in_force").dump() +
           " -> " + difference.at("ruleset").dump();
  }
  const std::string rule = difference_line(difference.at("rule"));
  if (what == "added") return "+ " + chain + number("id") + " " + rule;
  if (what == "removed") return "- " + chain + number("id") + " " + rule;
  if (what == "moved") return "> " + chain + number("from") + " -> " + number("to") + " " + rule;
  return "~ " + chain + number("id") + " " + difference_line(difference.at("in_force")) + " -> " + rule;
}

}  // namespace nicsentry
