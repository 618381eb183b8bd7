// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/firewall_cube.h"

#include <utility>

#include "host/api/endpoints/connections.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/base/wall_clock.h"
#include "host/lockout/cut_off.h"
#include "host/polycube/answers.h"
#include "host/polycube/rule_operations.h"
#include "host/polycube/settings.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry::polycube {
namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned kCreatedStatus = 201;
constexpr std::size_t kSettingPart = 2;  // behind the service and the name
constexpr std::size_t kChainPart = 3;
constexpr std::size_t kBelowChain = 4;
constexpr std::size_t kRuleId = 5;

Chain parse_chain_word(const std::string& text) {
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (strcasecmp(chain_name(chain), text.c_str()) == 0) {
      return chain;
    }
  }
  throw NotFound("there is no chain " + text + "; there are INGRESS and EGRESS");
}

std::size_t parse_id(const std::string& text) {
  const auto id = parse_number<std::size_t>(text);
  if (!id) {
    throw BadRequest("id: read '" + text + "', allowed is a whole number");
  }
  return *id;
}

Json default_rule(const ChainRules& chain, const char* description) {
  return {{"id", chain.rules.size()}, {"action", action_text(chain.default_action)}, {"description", description}};
}

void add_counts(Json& rule, const rule_counter& counts) {
  rule["pkts"] = counts.packets;
  rule["bytes"] = counts.bytes;
}

// The states of connections have fewer names here than in Polycube, which follows each step of TCP.
std::string session_state(const ListedConnection& connection) {
  if (connection.protocol == "TCP" && connection.state == "NEW") {
    return "SYN_SENT";
  }
  return connection.state == "CLOSED" ? "TIME_WAIT" : connection.state;
}

}  // namespace

FirewallCube::FirewallCube(CubeIdentity identity, const nlohmann::json& settings, OpenFirewallPort open,
                           std::function<void(const std::string&)> warning)
    : TransparentCube(std::move(identity), settings),
      open_(std::move(open)),
      firewall_(Firewall::Options{FirewallSize{}, std::nullopt, std::move(warning), false, TcpPickup::loose,
                                  [this](const Caller& caller, bool standing) {
                                    return vital_ ? vital_->packets(caller, standing) : std::vector<VitalPacket>();
                                  }}) {
  allow_settings(settings, {"name", "service-name", "type", "loglevel", "conntrack", "accept-established",
                            "interactive", "chain"});
  for (const char* name : {"conntrack", "accept-established", "interactive"}) {
    if (settings.contains(name)) {
      set(name, text_setting(settings, name, ""), {});
    }
  }
  if (settings.contains("chain")) {
    for (const auto& chain : settings.at("chain")) {
      set_chain(parse_chain_word(text_setting(chain, "name", "")), chain, {});
    }
  }
}

void FirewallCube::attach(const std::string& interface, const std::string& port, const Places& /*places*/,
                          const FindTerms& terms) {
  const std::lock_guard lock(mutex_);
  VitalTraffic vital({{interface}, true, false});
  refuse_lock_out(vital, terms());
  port_on_ = open_(firewall_, interface, type());
  vital_ = std::move(vital);
  set_port(port);
}

// Rules that were made before are in force from the attachment on.
void FirewallCube::refuse_lock_out(const VitalTraffic& vital, const ChangeTerms& terms) const {
  if (terms.yes) {
    return;
  }
  const std::vector<VitalPacket> packets = vital.packets(terms.caller, true);
  const InSet in_set = [this](const std::string& set, const IpAddress& address) {
    return firewall_.in_set(set, address);
  };
  const ChainRules none;
  for (const bool lasting : {false, true}) {  // as the rules are, and once those with a lifetime have ended
    ChainRules ingress = *firewall_.rules(Chain::ingress);
    ChainRules egress = *firewall_.rules(Chain::egress);
    for (ChainRules* chain : {&ingress, &egress}) {
      std::erase_if(chain->rules, [lasting](const Rule& rule) { return lasting && rule.expires_ns.has_value(); });
    }
    auto lost = cut_off(packets, {{&none, &none}, in_set}, {{&ingress, &egress}, in_set});
    if (!lost.empty()) {
      throw LockOut(std::move(lost));
    }
  }
}

void FirewallCube::detach() {
  const std::lock_guard lock(mutex_);
  port_on_.reset();
  vital_.reset();
  set_port("");
}

ChainRules FirewallCube::rules(Chain chain) { return staged(chain) ? staged(chain)->rules : *firewall_.rules(chain); }

void FirewallCube::refuse_states(const nlohmann::json& operations) const {
  for (const auto& operation : operations) {
    if (!conntrack_ && operation.is_object() && operation.contains("conntrack")) {
      throw Error("conntrack is OFF; switch it on before rules name the state of a connection");
    }
  }
}

// Returns how many rules the chain then has.
std::size_t FirewallCube::perform(Chain chain, nlohmann::json operations, const ChangeTerms& terms) {
  refuse_states(operations);
  const Batch batch = parse_batch({{"rules", std::move(operations)}}, firewall_.now());
  if (interactive_) {
    return firewall_.apply(chain, batch, terms).rules;
  }
  Staged next{staged(chain) ? staged(chain)->batch : Batch{},
              apply_batch(rules(chain), batch, {kBlockedSet, kAllowedSet})};
  next.batch.operations.insert(next.batch.operations.end(), batch.operations.begin(), batch.operations.end());
  staged(chain) = std::move(next);
  return staged(chain)->rules.rules.size();
}

void FirewallCube::apply_staged(Chain chain, const ChangeTerms& terms) {
  if (staged(chain)) {
    firewall_.apply(chain, staged(chain)->batch, terms);
    staged(chain).reset();
  }
}

// Both chains at one instant.
void FirewallCube::apply_all_staged(const ChangeTerms& terms) {
  if (!staged(Chain::ingress) || !staged(Chain::egress)) {
    apply_staged(Chain::ingress, terms);
    apply_staged(Chain::egress, terms);
    return;
  }
  Ruleset ruleset;
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    ruleset.of(chain).emplace().rules = staged(chain)->rules.rules;
  }
  firewall_.load(ruleset, terms);
  staged_ = {};
}

void FirewallCube::set_established(const ChangeTerms& terms) {
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    firewall_.accept_established(chain, conntrack_ && accept_established_, terms);
  }
}

FirewallCube::Before FirewallCube::before() const {
  return {conntrack_,   accept_established_,
          interactive_, log_level(),
          staged_,      {firewall_.rules(Chain::ingress), firewall_.rules(Chain::egress)}};
}

void FirewallCube::restore(Before before) {
  conntrack_ = before.conntrack;
  accept_established_ = before.accept_established;
  interactive_ = before.interactive;
  set_log_level(before.log_level);
  staged_ = std::move(before.staged);
  Ruleset ruleset;
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    const auto& rules = before.rules.at(static_cast<std::size_t>(chain));
    if (firewall_.rules(chain) != rules) {
      RulesetChain& former = ruleset.of(chain).emplace();
      former.rules = rules->rules;
      former.default_action = rules->default_action;
      former.accept_established = rules->accept_established;
    }
  }
  ChangeTerms terms;
  terms.yes = true;
  firewall_.load(ruleset, terms);
}

void FirewallCube::set(const std::string& name, const std::string& value, const ChangeTerms& terms) {
  if (name == "loglevel") {
    set_log_level(parse_log_level(value));
    return;
  }
  const bool on = parse_switch(name, value);
  if (name == "interactive") {
    if (on) {
      apply_all_staged(terms);
    }
    interactive_ = on;
  } else if (name == "accept-established") {
    accept_established_ = on;
    set_established(terms);
  } else if (name == "conntrack") {
    for (const Chain chain : {Chain::ingress, Chain::egress}) {
      for (const Rule& rule : rules(chain).rules) {
        if (!on && rule.match.state) {
          throw Error("conntrack: a rule of the chain " + std::string(chain_name(chain)) +
                      " names the state of a connection; delete it first");
        }
      }
    }
    conntrack_ = on;
    set_established(terms);
  } else {
    throw NotFound("there is no setting " + name);
  }
}

void FirewallCube::set_chain(Chain chain, const nlohmann::json& settings, const ChangeTerms& terms) {
  allow_settings(settings, {"name", "default", "rule"});
  if (settings.contains("rule")) {
    perform(chain, placed_rules(settings.at("rule"), rules(chain).rules.size()), terms);
  }
  if (settings.contains("default")) {
    firewall_.set_default(chain, parse_default(text_setting(settings, "default", "")), terms);
  }
}

Json FirewallCube::rules_json(Chain chain) {
  const ChainRules shown = rules(chain);
  const TimestampNs now = firewall_.now();
  Json list = Json::array();
  for (std::size_t i = 0; i < shown.rules.size(); ++i) {
    list.push_back(rule_json(shown.rules[i], i, now));
  }
  list.push_back(default_rule(shown, "Default Policy"));
  return list;
}

Json FirewallCube::stats_json(Chain chain) {
  const Enforcement::ChainView view = firewall_.view(chain);
  const TimestampNs now = firewall_.now();
  Json list = Json::array();
  for (std::size_t i = 0; i < view.chain.rules.size(); ++i) {
    list.push_back(rule_json(view.chain.rules[i], i, now));
    add_counts(list.back(), resets(chain).of_rule(view, i));
  }
  list.push_back(default_rule(view.chain, "DEFAULT"));
  add_counts(list.back(), resets(chain).of_default(view));
  return list;
}

Json FirewallCube::chain_json(Chain chain) {
  return {{"name", chain_name(chain)},
          {"default", action_text(firewall_.rules(chain)->default_action)},
          {"stats", stats_json(chain)},
          {"rule", rules_json(chain)}};
}

Json FirewallCube::sessions_json() {
  Json list = Json::array();
  if (port_on_ == nullptr || !conntrack_) {
    return list;
  }
  for (const ListedConnection& connection :
       describe_connections(port_on_->connections(), wall_clock_ns()).connections) {
    list.push_back({{"src", connection.source},
                    {"dst", connection.destination},
                    {"l4proto", connection.protocol},
                    {"sport", connection.source_port},
                    {"dport", connection.destination_port},
                    {"state", session_state(connection)},
                    {"eta", static_cast<std::uint64_t>(connection.age_s)}});
  }
  return list;
}

// Counters and connections are read only where the call asks for them.
Json FirewallCube::document(const Call& call) {
  const std::string below = call.path.size() > kSettingPart ? call.path[kSettingPart] : "";
  Json document = summary();
  document["interactive"] = interactive_;
  document["conntrack"] = conntrack_ ? "on" : "off";
  document["accept-established"] = accept_established_ ? "on" : "off";
  if (below == "chain" && call.path.size() > kBelowChain && call.path[kBelowChain] == "rule") {
    const Chain chain = parse_chain_word(call.path[kChainPart]);
    document["chain"] = Json::array({{{"name", chain_name(chain)}, {"rule", rules_json(chain)}}});
    return document;
  }
  if (below.empty() || below == "chain") {
    document["chain"] = Json::array({chain_json(Chain::ingress), chain_json(Chain::egress)});
  }
  if (below.empty() || below == "session-table") {
    document["session-table"] = sessions_json();
  }
  return document;
}

Response FirewallCube::act(const Call& call, Chain chain, const std::string& action, const ChangeTerms& terms) {
  if (call.method != "POST") {
    return not_supported(call);
  }
  if (action == "apply-rules") {
    apply_staged(chain, terms);
    return with_json({{"result", true}}, kCreatedStatus);
  }
  if (action == "reset-counters") {
    resets(chain).reset(firewall_.view(chain));
    return with_json({{"result", true}}, kCreatedStatus);
  }
  if (action == "batch") {
    perform(chain, batch_operations(call.body()), terms);
    return created();
  }
  nlohmann::json operation = one_operation(action, call.body());
  const bool inserted = action == "insert";
  const std::size_t place = inserted ? operation.at("id").get<std::size_t>() : 0;
  const std::size_t size = perform(chain, nlohmann::json::array({std::move(operation)}), terms);
  if (inserted || action == "append") {
    return with_json({{"id", inserted ? place : size - 1}}, kCreatedStatus);
  }
  return created();
}

Response FirewallCube::change_rule(const Call& call, Chain chain, std::size_t id, const ChangeTerms& terms) {
  const ChainRules present = rules(chain);
  if (call.method == "DELETE") {
    if (id >= present.rules.size()) {
      throw NotFound("there is no rule " + std::to_string(id));
    }
    perform(chain, {{{"operation", "delete"}, {"id", id}}}, terms);
    return no_content();
  }
  nlohmann::json fields = call.body();
  if (!fields.is_object()) {
    throw BadRequest("the body: allowed is an object with the fields of a rule");
  }
  if (call.method == "PATCH" && id < present.rules.size()) {
    nlohmann::json merged = rule_json(present.rules[id], id, firewall_.now());
    merged.merge_patch(fields);
    fields = std::move(merged);
  }
  fields["id"] = id;
  perform(chain, placed_rules(nlohmann::json::array({std::move(fields)}), present.rules.size()), terms);
  return call.method == "PATCH" ? done() : created();
}

Response FirewallCube::change_rules(const Call& call, Chain chain, const ChangeTerms& terms) {
  const std::size_t size = rules(chain).rules.size();
  if (call.method == "DELETE") {
    perform(chain, all_removed(size), terms);
    return no_content();
  }
  nlohmann::json operations = call.method == "PUT" ? all_removed(size) : nlohmann::json::array();
  for (auto& operation : placed_rules(call.body(), call.method == "PUT" ? 0 : size)) {
    operations.push_back(std::move(operation));
  }
  perform(chain, std::move(operations), terms);
  return call.method == "PATCH" ? done() : created();
}

Response FirewallCube::change_chain(const Call& call, Chain chain, const ChangeTerms& terms) {
  if (call.path.size() == kBelowChain) {
    if (call.method != "PATCH" && call.method != "PUT") {
      return not_supported(call);
    }
    set_chain(chain, call.body(), terms);
    return call.method == "PATCH" ? done() : created();
  }
  const std::string& below = call.path[kBelowChain];
  if (call.path.size() > (below == "rule" ? kRuleId : kBelowChain) + 1) {
    return not_supported(call);  // a field of a rule changes with the rule
  }
  if (below == "default" && call.method == "PATCH") {
    firewall_.set_default(chain, parse_default(call.word()), terms);
    return done();
  }
  if (below == "rule") {
    return call.path.size() > kRuleId ? change_rule(call, chain, parse_id(call.path[kRuleId]), terms)
                                      : change_rules(call, chain, terms);
  }
  if (is_rule_action(below)) {
    return act(call, chain, below, terms);
  }
  return not_supported(call);
}

Response FirewallCube::change(const Call& call, const ChangeTerms& terms) {
  if (call.path.size() > kChainPart && call.path[kSettingPart] == "chain") {
    return change_chain(call, parse_chain_word(call.path[kChainPart]), terms);
  }
  if (call.method != "PATCH") {
    return not_supported(call);
  }
  if (call.path.size() == kSettingPart) {
    const nlohmann::json settings = call.body();
    allow_settings(settings, {"name", "loglevel", "conntrack", "accept-established", "interactive", "chain"});
    for (const auto& [name, value] : settings.items()) {
      if (name == "chain") {
        for (const auto& chain : value) {
          set_chain(parse_chain_word(text_setting(chain, "name", "")), chain, terms);
        }
      } else if (name != "name") {
        set(name, text_setting(settings, name.c_str(), ""), terms);
      }
    }
    return done();
  }
  if (call.path.size() == kChainPart && call.path[kSettingPart] != "chain") {
    set(call.path[kSettingPart], call.word(), terms);
    return done();
  }
  return not_supported(call);
}

Response FirewallCube::answer(const Call& call) {
  const std::lock_guard lock(mutex_);
  if (call.method == "GET") {
    return show(call, document(call));
  }
  Before former = before();
  try {
    return change(call, vital_ ? call.terms() : ChangeTerms{});
  } catch (...) {
    restore(std::move(former));
    throw;
  }
}

}  // namespace nicsentry::polycube
