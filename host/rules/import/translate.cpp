// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "bpf_offload/types.h"
#include "host/base/error.h"
#include "host/rules/import/foreign_rules.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry::foreign {
namespace {

constexpr std::uint8_t kFamilies[] = {4, 6};
constexpr const char* kLoopback = "lo";
constexpr std::size_t kJumpsMost = 16;
constexpr std::size_t kItemsMost = 4 * kRulesMax;

// One rule of a hook, with all jumps resolved.
struct Item {
  std::string where;
  Condition condition;
  RuleAction action = RuleAction::drop;
  std::string description;
  bool logs = false;                  // what it drops
  std::optional<Limit> limit;         // with the action limit
  bool accepts_within = false;        // likewise: and what is within its rate is accepted
  const ForeignRule* rule = nullptr;  // a limit's
};

// Extension headers of IPv6. The programs step over them, so that they are no packet's protocol there.
constexpr std::array<std::uint8_t, 8> kWalkedHeaders = {0, 43, 44, 51, 60, 135, 139, 140};

bool overlaps(const std::optional<std::uint8_t>& a, const std::optional<std::uint8_t>& b) {
  return !a || !b || *a == *b;
}

// Whether every packet that it matches is of the family, by its addresses alone.
bool is_of_family(const AddressMatch& match, std::uint8_t family, const std::vector<RulesetSet>& sets) {
  const auto of_family = [family](const AddressRange& range) { return range.first.version == family; };
  const auto set_of_family = [&](const std::string& name) {
    const auto set =
        std::find_if(sets.begin(), sets.end(), [&name](const RulesetSet& one) { return one.name == name; });
    return set != sets.end() && !set->entries.empty() &&
           std::all_of(set->entries.begin(), set->entries.end(),
                       [&](const RulesetEntry& entry) { return of_family(entry.range); });
  };
  return !(match.ranges.empty() && match.sets.empty()) &&
         std::all_of(match.ranges.begin(), match.ranges.end(), of_family) &&
         std::all_of(match.sets.begin(), match.sets.end(), set_of_family);
}

// Whether packets of IPv6 may be meant, by a protocol that is none there.
bool asks_walked_headers(const RuleMatch& match, const std::vector<RulesetSet>& sets) {
  const auto walked = [](std::uint8_t protocol) {
    return std::find(kWalkedHeaders.begin(), kWalkedHeaders.end(), protocol) != kWalkedHeaders.end();
  };
  return std::any_of(match.protocols.begin(), match.protocols.end(), walked) && !is_of_family(match.source, 4, sets) &&
         !is_of_family(match.destination, 4, sets);
}

class HookTranslation {
 public:
  HookTranslation(const ForeignRules& rules, Chain hook, LeftOut& left_out)
      : rules_(rules), hook_(hook), left_out_(left_out) {
    for (const ForeignChain& chain : rules.chains) by_name_[chain.name] = &chain;
  }

  std::optional<ChainRules> translate() {
    std::vector<const ForeignChain*> chains;
    for (const ForeignChain& chain : rules_.chains) {
      if (chain.hook == hook_) chains.push_back(&chain);
    }
    if (chains.empty()) return std::nullopt;
    std::stable_sort(chains.begin(), chains.end(),
                     [](const ForeignChain* a, const ForeignChain* b) { return a->priority < b->priority; });
    for (const ForeignChain* chain : chains) add_base(*chain);
    drop_shared_limits();
    ChainRules translated;
    translated.accept_established = false;
    add_policies(translated);
    hoist_established(translated);
    for (std::size_t i = 0; i < items_.size(); ++i) add_rules(i, translated);
    return translated;
  }

 private:
  void leave_out(const std::string& where, const std::string& why) { left_out_.push_back(where + ": " + why); }

  // The next chains of the hook still judge what one of them passes: an acceptance ends ours.
  void add_base(const ForeignChain& chain) {
    const auto before = std::find_if(ended_.begin(), ended_.end(), [&chain](const ForeignChain* earlier) {
      return overlaps(earlier->family, chain.family);
    });
    if (before != ended_.end()) {
      const std::string why = "it decides after '" + (*before)->where + "', which accepts or drops by its policy";
      for (const ForeignRule& rule : chain.rules) leave_out(rule.where, why);
      if (chain.drops) leave_out(chain.where, "its policy of drop: " + why);
      return;
    }
    Condition all;
    all.family = chain.family;
    const std::size_t first = items_.size();
    flatten(chain, all, chain, 0);
    for (const std::uint8_t family : kFamilies) {
      if (chain.drops && overlaps(chain.family, family)) drops_[family] = true;
    }
    const bool accepts = std::any_of(
        items_.begin() + static_cast<std::ptrdiff_t>(first), items_.end(),
        [](const Item& item) { return item.action == RuleAction::accept || item.action == RuleAction::log; });
    if (accepts || chain.drops) ended_.push_back(&chain);
  }

  void flatten(const ForeignChain& chain, const Condition& outer, const ForeignChain& base, std::size_t depth) {
    for (std::size_t i = 0; i < chain.rules.size(); ++i) {
      const ForeignRule& rule = chain.rules[i];
      try {
        const auto condition = both_of(outer, rule.condition);
        if (condition && !add(rule, *condition, base, depth, i + 1 == chain.rules.size())) return;
      } catch (const Untold& untold) {
        leave_out(rule.where, untold.what());
      }
    }
  }

  // False where no packet comes to the next rule of the chain.
  bool add(const ForeignRule& rule, const Condition& condition, const ForeignChain& base, std::size_t depth,
           bool last) {
    const RuleAction policy = base.drops ? RuleAction::drop : RuleAction::accept;
    if (rule.limit) {
      push_limit(rule, condition);
      return true;
    }
    switch (rule.verdict) {
      case Verdict::accept:
        push(rule, condition, rule.logs ? RuleAction::log : RuleAction::accept);
        return !rule.condition.any();
      case Verdict::drop:
        push(rule, condition, RuleAction::drop);
        if (!rule.note.empty()) leave_out(rule.where, rule.note);
        return !rule.condition.any();
      case Verdict::none:
        if (rule.counts) push(rule, condition, RuleAction::count);
        if (rule.logs) leave_out(rule.where, "log without a verdict: our log accepts");
        return true;
      case Verdict::back:
        if (depth == 0) {
          push(rule, condition, policy);
        } else if (!rule.condition.any() && !last) {
          throw Untold("return: no rule leads back into another chain");
        }
        return !rule.condition.any();
      case Verdict::jump:
      case Verdict::go_to:
        follow(rule, condition, base, depth, last);
        return true;
    }
    throw Error("not a verdict");
  }

  void follow(const ForeignRule& rule, const Condition& condition, const ForeignChain& base, std::size_t depth,
              bool last) {
    const auto target = by_name_.find(rule.target);
    if (target == by_name_.end()) throw Untold("no chain of this name stands in the file");
    if (++followed_ > kItemsMost) {
      throw Error("the chains lead to each other on more than " + std::to_string(kItemsMost) + " ways");
    }
    if (depth == kJumpsMost) throw Untold("chains that lead to each other, " + std::to_string(kJumpsMost) + " deep");
    if (rule.verdict == Verdict::go_to && depth != 0 && !last) {
      throw Untold("goto: no rule leads back into another chain");
    }
    flatten(*target->second, condition, base, depth + 1);
    if (rule.verdict == Verdict::go_to && depth == 0) {
      push(rule, condition, base.drops ? RuleAction::drop : RuleAction::accept);
    }
  }

  // Ours drop packets beyond a rate, and ask the next rules of those within it.
  void push_limit(const ForeignRule& rule, const Condition& condition) {
    if (rule.limit->beyond != (rule.verdict == Verdict::drop) ||
        (rule.verdict != Verdict::drop && rule.verdict != Verdict::accept)) {
      throw Untold("limit: rules of ours drop what is beyond a rate, or accept what is within it and drop the rest");
    }
    const bool accepts = rule.verdict == Verdict::accept;
    if (accepts && rule.logs) throw Untold("limit: a log of what is within it");
    const std::size_t before = items_.size();
    push(rule, condition, RuleAction::limit);
    if (items_.size() == before) return;  // on lo
    items_.back().limit = rule.limit->limit;
    items_.back().accepts_within = accepts;
    items_.back().logs = rule.logs;
    items_.back().rule = &rule;
    for (const std::string& note : {rule.note, rule.limit->note}) {
      if (!note.empty()) leave_out(rule.where, note);
    }
  }

  // A limit to which several jumps lead has one bucket for all of them.
  void drop_shared_limits() {
    std::map<const ForeignRule*, std::size_t> times;
    for (const Item& item : items_) {
      if (item.rule != nullptr) ++times[item.rule];
    }
    std::erase_if(items_, [&](const Item& item) {
      const bool shared = item.rule != nullptr && times[item.rule] > 1;
      if (shared) leave_out(item.where, "limit: several jumps lead to it, and share its buckets");
      return shared;
    });
  }

  // Whether all packets of an item are dropped that go on behind it, and nothing counts them before.
  bool dropped_behind(std::size_t number, RuleAction otherwise) const {
    const Condition& packets = items_[number].condition;
    for (std::size_t i = number + 1; i < items_.size(); ++i) {
      try {
        const auto both = both_of(packets, items_[i].condition);
        if (!both) continue;
        if (items_[i].action != RuleAction::drop) return false;
        if (*both == packets) return true;
      } catch (const Untold&) {
        if (items_[i].action != RuleAction::drop) return false;
      }
    }
    return otherwise == RuleAction::drop;
  }

  // No packet on lo is judged: all of them pass.
  void push(const ForeignRule& rule, Condition condition, RuleAction action) {
    for (InterfaceMatch* match : {&condition.match.in, &condition.match.out}) {
      std::erase(match->except, kLoopback);
      if (std::erase(match->names, kLoopback) != 0 && match->names.empty()) {
        if (action == RuleAction::drop) leave_out(rule.where, "packets on lo: they are not judged");
        return;
      }
    }
    if (items_.size() >= kItemsMost) {
      throw Error("the rules are more than " + std::to_string(kItemsMost) + " without jumps");
    }
    Item& item = items_.emplace_back();
    item.where = rule.where;
    item.condition = std::move(condition);
    item.action = action;
    item.description = rule.description;
    item.logs = rule.logs && action == RuleAction::drop;
  }

  void add_policies(ChainRules& translated) {
    const bool all = drops_[4] && drops_[6];
    translated.default_action = all ? RuleAction::drop : RuleAction::accept;
    for (const std::uint8_t family : kFamilies) {
      if (!all && drops_[family]) {
        Item& policy = items_.emplace_back();
        policy.where = "policy";
        policy.condition.family = family;
      }
    }
  }

  // Where established packets are accepted before anything drops them, and in each family that has rules.
  // A chain with limits keeps its order: limits are asked of established packets, too.
  void hoist_established(ChainRules& translated) {
    if (std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.limit.has_value(); })) return;
    constexpr std::uint8_t kEstablished = state_bit(ConnectionState::established);
    const auto accepts_all_of_it = [](const Item& item) {
      Condition rest = item.condition;
      rest.family.reset();
      rest.states = kAllStates;
      return item.action == RuleAction::accept && rest.any();
    };
    std::map<std::uint8_t, bool> accepted;
    for (const std::uint8_t family : kFamilies) {
      accepted[family] = translated.default_action == RuleAction::accept;
      for (const Item& item : items_) {
        if (!overlaps(item.condition.family, family) || (item.condition.states & kEstablished) == 0) continue;
        if (item.action == RuleAction::accept && !accepts_all_of_it(item)) continue;
        accepted[family] = item.action == RuleAction::accept;
        break;
      }
    }
    if (!accepted[4] || !accepted[6]) return;
    translated.accept_established = true;
    for (Item& item : items_) {
      if (accepts_all_of_it(item) && item.condition.states != kAllStates) {
        item.condition.states = static_cast<std::uint8_t>(item.condition.states & ~kEstablished);
      }
    }
    std::erase_if(items_, [](const Item& item) { return item.condition.states == 0; });
  }

  void add_rules(std::size_t number, ChainRules& translated) {
    const Item& item = items_[number];
    try {
      if (item.limit) check_limit(number, translated);
      const Rule rule = rule_of(item);
      if (asks_walked_headers(rule.match, rules_.sets)) {
        leave_out(item.where, "extension headers of IPv6 are no protocol: the rule holds for IPv4 only");
      }
      if (item.condition.states == kAllStates) {
        translated.rules.push_back(rule);
      }
      for (unsigned state = 0; state < 4 && item.condition.states != kAllStates; ++state) {
        if ((item.condition.states >> state & 1U) != 0) {
          translated.rules.push_back(rule);
          translated.rules.back().match.state = static_cast<ConnectionState>(state);
        }
      }
      if (item.accepts_within) {
        translated.rules.push_back(translated.rules.back());
        translated.rules.back().action = RuleAction::accept;
        translated.rules.back().limit.reset();
      }
    } catch (const Untold& untold) {
      leave_out(item.where, untold.what());
    }
  }

  void check_limit(std::size_t number, const ChainRules& translated) const {
    const Item& item = items_[number];
    if (item.condition.states != kAllStates && (item.condition.states & (item.condition.states - 1U)) != 0) {
      throw Untold("limit: one bucket for packets of several states");
    }
    if (item.accepts_within && !dropped_behind(number, translated.default_action)) {
      throw Untold("limit: what is beyond it meets the next rules, which do not drop all of it");
    }
    const auto limits = std::count_if(translated.rules.begin(), translated.rules.end(),
                                      [](const Rule& rule) { return rule.action == RuleAction::limit; });
    if (limits >= LIMITS) throw Untold("limit: a chain has room for " + std::to_string(LIMITS));
  }

  // Throws Untold where our rules do not say that.
  Rule rule_of(const Item& item) const {
    Rule rule;
    rule.match = item.condition.match;
    rule.action = item.action;
    rule.limit = item.limit;
    rule.log_every = item.logs ? 1 : 0;
    rule.description = item.description;
    RuleMatch& match = rule.match;
    const InterfaceMatch& other = hook_ == Chain::ingress ? match.out : match.in;
    if (!other.any()) throw Untold("an interface that is known of packets of the other direction only");
    if (item.condition.untyped_ports &&
        (match.protocols.empty() ||
         std::any_of(match.protocols.begin(), match.protocols.end(),
                     [](std::uint8_t protocol) { return protocol != 6 && protocol != 17; }))) {
      throw Untold("ports of any protocol: allowed are those of TCP and UDP");
    }
    if (const auto family = item.condition.family) pin_family(match, *family);
    RuleErrors errors;
    parse_rule(rule_json(rule, 0, 0), 0, errors);
    if (!errors.empty()) throw Untold(errors.front());
    return rule;
  }

  void pin_family(RuleMatch& match, std::uint8_t family) const {
    if (is_of_family(match.source, family, rules_.sets) || is_of_family(match.destination, family, rules_.sets)) return;
    const AddressRange all = parse_address_range(family == 4 ? "0.0.0.0/0" : "::/0");
    for (AddressMatch* end : {&match.source, &match.destination}) {
      if (end->ranges.empty() && end->sets.empty()) {
        end->ranges.push_back(all);
        return;
      }
    }
    throw Untold("addresses of one family in sets of both");
  }

  const ForeignRules& rules_;
  Chain hook_;
  LeftOut& left_out_;
  std::map<std::string, const ForeignChain*> by_name_;
  std::vector<Item> items_;
  std::size_t followed_ = 0;                // jumps
  std::vector<const ForeignChain*> ended_;  // chains behind which no other one can be told
  std::map<std::uint8_t, bool> drops_;      // by family
};

}  // namespace

Translated translate(const ForeignRules& rules, LeftOut& left_out) {
  Translated translated{HookTranslation(rules, Chain::ingress, left_out).translate(),
                        HookTranslation(rules, Chain::egress, left_out).translate()};
  LeftOut once;  // a chain to which several rules jump says the same for each
  for (std::string& line : left_out) {
    if (std::find(once.begin(), once.end(), line) == once.end()) once.push_back(std::move(line));
  }
  left_out = std::move(once);
  return translated;
}

}  // namespace nicsentry::foreign
