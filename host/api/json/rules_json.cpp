// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/rules_json.h"

#include <utility>

#include "host/base/error.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/lifetime.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/language/ruleset.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

using json_fields::kBool;
using json_fields::kNumber;
using json_fields::kText;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kActions = "drop or accept";
constexpr const char* kUnjudged = "drop or pass";
constexpr const char* kNonIp = "all or a list of EtherTypes";
constexpr std::string_view kExpires = "expires";  // read here, as it may have come down to "0s"

RuleAction get_default_action(Fields& fields, const char* name) {
  const auto text = fields.get<std::string>(name, kActions);
  if (text == default_action_name(RuleAction::drop)) {
    return RuleAction::drop;
  }
  if (text == default_action_name(RuleAction::accept)) {
    return RuleAction::accept;
  }
  fields.fail(name, kActions);
}

ordered_json encode(const Counts& counts) { return {{"packets", counts.packets}, {"bytes", counts.bytes}}; }

Counts get_counts(Fields fields) {
  return {fields.get<std::uint64_t>("packets", kNumber), fields.get<std::uint64_t>("bytes", kNumber)};
}

ordered_json encode_counters(const ChainAnswer& chain) {
  ordered_json causes = ordered_json::object();
  for (const auto& [cause, counts] : chain.unjudged) {
    causes[cause] = encode(counts);
  }
  return {{"default", encode(chain.by_default)}, {"established", encode(chain.established)},
          {"blocked", encode(chain.blocked)},    {"dropped", encode(chain.dropped)},
          {"unjudged", std::move(causes)},       {"non_ip", encode(chain.dropped_non_ip)}};
}

void get_counters(Fields fields, ChainAnswer& chain) {
  chain.by_default = get_counts(fields.object("default"));
  chain.established = get_counts(fields.object("established"));
  chain.blocked = get_counts(fields.object("blocked"));
  chain.dropped = get_counts(fields.object("dropped"));
  Fields causes = fields.object("unjudged");
  for (const auto& cause : fields.at("unjudged", "an object").items()) {
    chain.unjudged[cause.key()] = get_counts(causes.object(cause.key().c_str()));
  }
  chain.dropped_non_ip = get_counts(fields.object("non_ip"));
}

ordered_json encode(const ChainAnswer& chain) {
  ordered_json rules = ordered_json::array();
  for (const CountedRule& counted : chain.rules) {
    ordered_json rule = nicsentry::encode(counted.rule);
    if (counted.end) {
      rule["expires_ns"] = *counted.end;
    }
    rule.update(encode(counted.counts));
    rules.push_back(std::move(rule));
  }
  return {{"text", chain.text},
          {"default", default_action_name(chain.default_action)},
          {"accept_established", chain.accept_established},
          {"unjudged", unjudged_name(chain.drop_unjudged)},
          {"non_ip", non_ip_json(chain.non_ip)},
          {"rules", std::move(rules)},
          {"counters", encode_counters(chain)},
          {"tables", nicsentry::encode(chain.tables)}};
}

TableFigures get_tables(Fields fields) {
  TableFigures tables;
  tables.rules = fields.get<std::size_t>("rules", kNumber);
  tables.chunks = fields.get<std::size_t>("chunks", kNumber);
  tables.rows = fields.get<std::size_t>("rows", kNumber);
  tables.nodes = fields.get<std::size_t>("nodes", kNumber);
  tables.nodes_room = fields.get<std::size_t>("nodes_room", kNumber);
  tables.bits = fields.get<std::size_t>("bits", kNumber);
  tables.bits_room = fields.get<std::size_t>("bits_room", kNumber);
  return tables;
}

ChainAnswer get_chain(Fields fields) {
  ChainAnswer chain;
  chain.text = fields.get<std::string>("text", kText);
  const json& rules = fields.list("rules");
  chain.rules.reserve(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Fields rule = fields.element("rules", rules, i);
    CountedRule counted{decode<NumberedRule>(rules[i]), get_counts(rule)};
    if (const auto end = rule.find<std::uint64_t>("expires_ns", kNumber)) {
      counted.end = static_cast<TimestampNs>(*end);
    }
    chain.rules.push_back(std::move(counted));
  }
  chain.default_action = get_default_action(fields, "default");
  chain.accept_established = fields.get<bool>("accept_established", kBool);
  chain.drop_unjudged = parse_unjudged(fields.at("unjudged", kUnjudged));
  chain.non_ip = parse_non_ip(fields.at("non_ip", kNonIp));
  get_counters(fields.object("counters"), chain);
  chain.tables = get_tables(fields.object("tables"));
  return chain;
}

}  // namespace

Chain parse_chain_name(std::string_view text, const char* field) {
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (text == chain_name(chain)) {
      return chain;
    }
  }
  throw BadRequest(std::string(field) + ": read " + excerpt(text) + ", allowed is ingress or egress");
}

const char* default_action_name(RuleAction action) { return action == RuleAction::drop ? "drop" : "accept"; }

NumberedRule numbered_rule(const Rule& rule, std::size_t id, TimestampNs now_ns) {
  NumberedRule numbered{id, rule, std::nullopt};
  if (rule.expires_ns) {
    numbered.left = std::chrono::nanoseconds(*rule.expires_ns - now_ns);
    numbered.rule.expires_ns.reset();
  }
  return numbered;
}

ordered_json encode(const NumberedRule& numbered) {
  Rule rule = numbered.rule;
  if (numbered.left) {
    rule.expires_ns = numbered.left->count();
  }
  return rule_json(rule, numbered.id, 0);
}

template <>
NumberedRule decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  NumberedRule numbered;
  numbered.id = fields.get<std::size_t>("id", kNumber);
  json known = json::object();
  for (const char* name : rule_fields()) {
    if (name != kExpires && fields.has(name)) {
      known[name] = answer.at(name);
    }
  }
  RuleErrors errors;
  numbered.rule = parse_rule(known, 0, errors);
  if (!errors.empty()) {
    throw Error("rule " + std::to_string(numbered.id) + ": " + errors.front());
  }
  if (const auto left = fields.find<std::string>("expires", kLifetimeAllowed)) {
    numbered.left = parse_lifetime(*left).value_or(std::chrono::nanoseconds::zero());
  }
  return numbered;
}

ordered_json encode(const TableFigures& tables) {
  return {{"rules", tables.rules},        {"chunks", tables.chunks},         {"rows", tables.rows},
          {"nodes", tables.nodes},        {"nodes_room", tables.nodes_room}, {"bits", tables.bits},
          {"bits_room", tables.bits_room}};
}

ordered_json encode(const ConfirmAnswer& answer) {
  return {{"confirmed", answer.what}, {"enforced", encode(answer.enforced)}};
}

template <>
ConfirmAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {fields.get<std::string>("confirmed", json_fields::kText), get_enforced(fields)};
}

ordered_json encode(const RevertAnswer& answer) {
  return {{"reverted", answer.what}, {"enforced", encode(answer.enforced)}};
}

template <>
RevertAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {fields.get<std::string>("reverted", json_fields::kText), get_enforced(fields)};
}

ordered_json encode(const Unconfirmed& unconfirmed) {
  return {{"what", unconfirmed.what}, {"seconds", unconfirmed.seconds}};
}

std::optional<Unconfirmed> find_unconfirmed(Fields& fields) {
  if (!fields.has("unconfirmed")) {
    return std::nullopt;
  }
  Fields unconfirmed = fields.object("unconfirmed");
  return Unconfirmed{unconfirmed.get<std::string>("what", json_fields::kText),
                     unconfirmed.get<double>("seconds", kNumber)};
}

ordered_json encode(const RulesAnswer& answer) {
  ordered_json object = {{"version", kStateFormat},
                         {"ingress", encode(answer.ingress)},
                         {"egress", encode(answer.egress)},
                         {"enforced", encode(answer.enforced)}};
  if (answer.unconfirmed) {
    object["unconfirmed"] = encode(*answer.unconfirmed);
  }
  return object;
}

template <>
RulesAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  RulesAnswer rules{get_chain(fields.object("ingress")), get_chain(fields.object("egress")), get_enforced(fields), {}};
  rules.unconfirmed = find_unconfirmed(fields);
  return rules;
}

ordered_json encode(const BatchAnswer& answer) {
  ordered_json changes = ordered_json::array();
  for (const BatchAnswer::Change& change : answer.changes) {
    ordered_json object = {{"operation", change.operation}};
    if (change.rule) {
      object["rule"] = encode(*change.rule);
    }
    if (change.to) {
      object["to"] = *change.to;
    }
    if (change.removed) {
      object["removed"] = *change.removed;
    }
    changes.push_back(std::move(object));
  }
  ordered_json ids = ordered_json::array();
  for (const TwiceRule& twice : answer.twice_ids) {
    ids.push_back({{"id", twice.id}, {"same_as", twice.same_as}});
  }
  return {{"rules", answer.rules},
          {"changes", std::move(changes)},
          {"twice", {{"rules", answer.twice}, {"first", std::move(ids)}}},
          {"enforced", encode(answer.enforced)}};
}

template <>
BatchAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  BatchAnswer batch;
  batch.rules = fields.get<std::size_t>("rules", kNumber);
  const json& changes = fields.list("changes");
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Fields change = fields.element("changes", changes, i);
    batch.changes.push_back(
        {change.get<std::string>("operation", kText),
         changes[i].contains("rule") ? std::optional(decode<NumberedRule>(changes[i].at("rule"))) : std::nullopt,
         change.find<std::size_t>("to", kNumber), change.find<std::size_t>("removed", kNumber)});
  }
  Fields twice = fields.object("twice");
  batch.twice = twice.get<std::size_t>("rules", kNumber);
  const json& ids = twice.list("first");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Fields one = twice.element("first", ids, i);
    batch.twice_ids.push_back({one.get<std::size_t>("id", kNumber), one.get<std::size_t>("same_as", kNumber)});
  }
  batch.enforced = get_enforced(fields);
  return batch;
}

ordered_json encode(const LoadAnswer::OfChain& chain) {
  return {{"rules", chain.rules}, {"kept", chain.kept}, {"removed", chain.removed}, {"changed", chain.changed}};
}

namespace {

std::optional<LoadAnswer::OfChain> find_loaded(Fields& answer, const char* name) {
  if (!answer.has(name)) {
    return std::nullopt;
  }
  Fields fields = answer.object(name);
  return LoadAnswer::OfChain{fields.get<std::size_t>("rules", kNumber), fields.get<std::size_t>("kept", kNumber),
                             fields.get<std::size_t>("removed", kNumber), fields.get<bool>("changed", kBool)};
}

}  // namespace

ordered_json encode(const LoadAnswer& answer) {
  ordered_json object = ordered_json::object();
  if (answer.ingress) {
    object["ingress"] = encode(*answer.ingress);
  }
  if (answer.egress) {
    object["egress"] = encode(*answer.egress);
  }
  ordered_json sets = ordered_json::array();
  for (const LoadAnswer::OfSet& set : answer.sets) {
    sets.push_back({{"name", set.name}, {"entries", set.entries}, {"changed", set.changed}});
  }
  object["sets"] = std::move(sets);
  object["enforced"] = encode(answer.enforced);
  return object;
}

template <>
LoadAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  LoadAnswer loaded;
  loaded.ingress = find_loaded(fields, "ingress");
  loaded.egress = find_loaded(fields, "egress");
  const json& sets = fields.list("sets");
  for (std::size_t i = 0; i < sets.size(); ++i) {
    Fields set = fields.element("sets", sets, i);
    loaded.sets.push_back({set.get<std::string>("name", kText), set.get<std::size_t>("entries", kNumber),
                           set.get<bool>("changed", kBool)});
  }
  loaded.enforced = get_enforced(fields);
  return loaded;
}

ordered_json encode(const DiffAnswer& answer) { return {{"differences", answer.differences}}; }

template <>
DiffAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {fields.list("differences")};
}

ordered_json encode(const RulesetAnswer& answer) { return answer.ruleset; }

template <>
RulesetAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  fields.object("ingress");
  fields.object("egress");
  return {answer};
}

ordered_json encode(const DefaultRequest& request) { return {{"action", default_action_name(request.action)}}; }

template <>
DefaultRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  const DefaultRequest decoded{get_default_action(fields, "action")};
  fields.finish();
  return decoded;
}

ordered_json encode(const DefaultAnswer& answer) {
  ordered_json object = encode(EnforcedAnswer{answer.enforced});
  if (!answer.cut_off.empty()) {
    object["cut_off"] = answer.cut_off;
  }
  if (answer.warning) {
    object["warning"] = *answer.warning;
  }
  return object;
}

template <>
DefaultAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {fields.find<std::vector<std::string>>("cut_off", "a list of texts").value_or(std::vector<std::string>()),
          fields.find<std::string>("warning", kText), get_enforced(fields)};
}

ordered_json encode(const UnjudgedRequest& request) { return {{"action", unjudged_name(request.drop)}}; }

template <>
UnjudgedRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  const UnjudgedRequest decoded{parse_unjudged(fields.at("action", kUnjudged))};
  fields.finish();
  return decoded;
}

ordered_json encode(const NonIpRequest& request) { return {{"pass", non_ip_json(request.types)}}; }

template <>
NonIpRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  NonIpRequest decoded{parse_non_ip(fields.at("pass", kNonIp))};
  fields.finish();
  return decoded;
}

ordered_json encode(const AcceptEstablishedRequest& request) { return {{"on", request.on}}; }

template <>
AcceptEstablishedRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  const AcceptEstablishedRequest decoded{fields.get<bool>("on", kBool)};
  fields.finish();
  return decoded;
}

}  // namespace nicsentry
