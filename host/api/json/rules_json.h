// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/api/json/enforced_json.h"
#include "host/api/json/fields.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// "ingress" or "egress", "drop" or "accept". Throw BadRequest naming `field` for anything else.
Chain parse_chain_name(std::string_view text, const char* field = "chain");
const char* default_action_name(RuleAction action);

// A rule of a chain: its place and what it says, written as rule_json() does. Its `expires_ns` is unset: the document
// has the time that is left, in whole seconds.
struct NumberedRule {
  std::size_t id = 0;
  Rule rule;
  std::optional<std::chrono::nanoseconds> left;
};
NumberedRule numbered_rule(const Rule& rule, std::size_t id, TimestampNs now_ns);

nlohmann::ordered_json encode(const NumberedRule& rule);
template <>
NumberedRule decode(const nlohmann::json& answer);

struct Counts {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

struct CountedRule {
  NumberedRule rule;
  Counts counts;
  std::optional<TimestampNs> end{};  // by the clock of the run's lifetimes
};

// The size of a chain's tables, and the room for them.
struct TableFigures {
  std::size_t rules = 0;
  std::size_t chunks = 0;
  std::size_t rows = 0;
  std::size_t nodes = 0;
  std::size_t nodes_room = 0;
  std::size_t bits = 0;
  std::size_t bits_room = 0;
};
nlohmann::ordered_json encode(const TableFigures& tables);

struct ChainAnswer {
  std::string text;  // chain_text()
  std::vector<CountedRule> rules;
  RuleAction default_action = RuleAction::accept;
  Counts by_default;
  bool accept_established = true;
  Counts established;
  Counts blocked;
  Counts dropped;
  bool drop_unjudged = true;
  std::map<std::string, Counts> unjudged;  // dropped ones, by the cause's name
  std::optional<std::vector<std::uint16_t>> non_ip;
  Counts dropped_non_ip;
  TableFigures tables;
};

// A change that is taken back unless it is confirmed.
struct Unconfirmed {
  std::string what;      // "the change of the ingress chain"
  double seconds = 0.0;  // until then
};
nlohmann::ordered_json encode(const Unconfirmed& unconfirmed);
// The field "unconfirmed" of an answer, if it has one.
std::optional<Unconfirmed> find_unconfirmed(Fields& fields);

// Which change was confirmed.
struct ConfirmAnswer {
  std::string what;
  Enforced enforced;
};
nlohmann::ordered_json encode(const ConfirmAnswer& answer);
template <>
ConfirmAnswer decode(const nlohmann::json& answer);

// Which change was taken back before its time.
struct RevertAnswer {
  std::string what;
  Enforced enforced;
};
nlohmann::ordered_json encode(const RevertAnswer& answer);
template <>
RevertAnswer decode(const nlohmann::json& answer);

// Both chains, as a ruleset (rules/language/ruleset.h) with what is counted beside it.
struct RulesAnswer {
  ChainAnswer ingress;
  ChainAnswer egress;
  Enforced enforced;
  std::optional<Unconfirmed> unconfirmed;
};
nlohmann::ordered_json encode(const RulesAnswer& answer);
template <>
RulesAnswer decode(const nlohmann::json& answer);

// The rules of a chain after a batch, and what its operations did.
struct BatchAnswer {
  struct Change {
    std::string operation;
    std::optional<NumberedRule> rule;    // none: flush
    std::optional<std::size_t> to;       // of move
    std::optional<std::size_t> removed;  // by flush
  };
  std::size_t rules = 0;
  std::vector<Change> changes;       // of the first kChangesReported operations
  std::size_t twice = 0;             // rules that were added and stand in the chain another time
  std::vector<TwiceRule> twice_ids;  // of the first kTwiceReported
  Enforced enforced;
};
constexpr std::size_t kTwiceReported = 20;
nlohmann::ordered_json encode(const BatchAnswer& answer);
template <>
BatchAnswer decode(const nlohmann::json& answer);

// The result of putting a ruleset in force.
struct LoadAnswer {
  struct OfChain {
    std::size_t rules = 0;
    std::size_t kept = 0;     // of them were in force before
    std::size_t removed = 0;  // of those before
    bool changed = false;     // anything of the chain
  };
  struct OfSet {
    std::string name;
    std::size_t entries = 0;
    bool changed = false;
  };
  std::optional<OfChain> ingress;  // none: the ruleset does not name it
  std::optional<OfChain> egress;
  std::vector<OfSet> sets;
  Enforced enforced;
};
nlohmann::ordered_json encode(const LoadAnswer& answer);
template <>
LoadAnswer decode(const nlohmann::json& answer);

// The changes that a ruleset would make; see differences().
struct DiffAnswer {
  nlohmann::ordered_json differences = nlohmann::ordered_json::array();
};
nlohmann::ordered_json encode(const DiffAnswer& answer);
template <>
DiffAnswer decode(const nlohmann::json& answer);

// The rules and sets in force as a ruleset.
struct RulesetAnswer {
  nlohmann::ordered_json ruleset;
};
nlohmann::ordered_json encode(const RulesetAnswer& answer);
template <>
RulesetAnswer decode(const nlohmann::json& answer);

struct DefaultRequest {
  RuleAction action = RuleAction::accept;
};
nlohmann::ordered_json encode(const DefaultRequest& request);
template <>
DefaultRequest decode(const nlohmann::json& request);

// The answer to a change of a default, with what the user must know.
struct DefaultAnswer {
  std::vector<std::string> cut_off;  // what the change cuts off, as ChangeQuery::yes allows
  std::optional<std::string> warning;
  Enforced enforced;
};
nlohmann::ordered_json encode(const DefaultAnswer& answer);
template <>
DefaultAnswer decode(const nlohmann::json& answer);

struct UnjudgedRequest {
  bool drop = true;
};
nlohmann::ordered_json encode(const UnjudgedRequest& request);
template <>
UnjudgedRequest decode(const nlohmann::json& request);

struct NonIpRequest {
  std::optional<std::vector<std::uint16_t>> types;  // nullopt: all
};
nlohmann::ordered_json encode(const NonIpRequest& request);
template <>
NonIpRequest decode(const nlohmann::json& request);

struct AcceptEstablishedRequest {
  bool on = true;
};
nlohmann::ordered_json encode(const AcceptEstablishedRequest& request);
template <>
AcceptEstablishedRequest decode(const nlohmann::json& request);

}  // namespace nicsentry
