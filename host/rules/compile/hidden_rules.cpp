// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/hidden_rules.h"

#include <algorithm>

#include "host/rules/compile/match_row.h"

namespace nicsentry {
namespace {

using Rows = std::vector<MatchRow>;

__extension__ using WideAmount = unsigned __int128;

bool same_effect(const Rule& left, const Rule& right) {
  return left.action == right.action && logged_one_of(left) == logged_one_of(right);
}

// Whether all packets with a bucket of `inner` in common have one of `outer` in common, too.
bool is_coarser(const BucketKey& outer, const BucketKey& inner) {
  return outer.per == BucketKey::Per::rule ||
         (outer.per == inner.per && outer.ipv6_prefix <= inner.ipv6_prefix && outer.ipv4_prefix <= inner.ipv4_prefix);
}

// Whether packets that are within the rate of `outer` are within that of `inner`, whatever else comes.
bool is_stricter(const Limit& outer, const Limit& inner) {
  return outer.rate.bits == inner.rate.bits &&
         WideAmount{outer.rate.amount} * inner.rate.period_s <= WideAmount{inner.rate.amount} * outer.rate.period_s &&
         outer.burst_of() <= inner.burst_of() && is_coarser(outer.key, inner.key);
}

class HiddenRules {
 public:
  explicit HiddenRules(const CompileInput& input) : input_(input), rules_(input.rules->rules) {
    for (std::uint32_t number = 0; number < rules_.size(); ++number) {
      rows_.push_back(rows_of(*input.rules, number, input.set_bit));
    }
  }

  std::vector<HiddenRule> find() const {
    std::vector<HiddenRule> hidden;
    for (std::size_t number = 0; number < rules_.size(); ++number) {
      if (rules_[number].action == RuleAction::count) continue;
      auto found = hidden_by_earlier(number);
      if (!found && rules_[number].action == RuleAction::limit && logged_one_of(rules_[number]) == 0) {
        found = without_effect(number);
      }
      if (found) hidden.push_back(*found);
    }
    return hidden;
  }

 private:
  const InterfaceMatch& interfaces(std::size_t rule) const {
    const RuleMatch& match = rules_[rule].match;
    return input_.chain == Chain::ingress ? match.in : match.out;
  }

  bool covers_all(std::size_t outer, std::size_t inner) const {
    return (interfaces(outer).any() || interfaces(outer) == interfaces(inner)) &&
           std::all_of(rows_[inner].begin(), rows_[inner].end(), [&](const MatchRow& row) {
             return std::any_of(rows_[outer].begin(), rows_[outer].end(),
                                [&row](const MatchRow& wider) { return covers(wider, row); });
           });
  }

  bool meet(std::size_t a, std::size_t b) const {
    return std::any_of(rows_[a].begin(), rows_[a].end(), [&](const MatchRow& row) {
      return std::any_of(rows_[b].begin(), rows_[b].end(),
                         [&row](const MatchRow& other) { return intersection(row, other).has_value(); });
    });
  }

  std::optional<HiddenRule> hidden_by_earlier(std::size_t number) const {
    const Rule& rule = rules_[number];
    for (std::size_t other = 0; other < number; ++other) {
      const Rule& earlier = rules_[other];
      const bool limited = rule.limit && earlier.limit && is_stricter(*earlier.limit, *rule.limit);
      if ((decides(earlier.action) || limited) && covers_all(other, number)) {
        return HiddenRule{number, other, limited || same_effect(earlier, rule),
                          limited ? HiddenRule::Why::limited : HiddenRule::Why::decided};
      }
    }
    return std::nullopt;
  }

  // Established packets that a limit lets through pass where the chain accepts them before its rules.
  bool may_be_accepted_as_established(const Rule& rule) const {
    return input_.rules->accept_established &&
           rule.match.state.value_or(ConnectionState::established) == ConnectionState::established;
  }

  // A limit behind which all its packets are dropped anyway.
  std::optional<HiddenRule> without_effect(std::size_t number) const {
    if (may_be_accepted_as_established(rules_[number])) return std::nullopt;
    for (std::size_t later = number + 1; later < rules_.size(); ++later) {
      const RuleAction action = rules_[later].action;
      if (action == RuleAction::drop && covers_all(later, number)) {
        return HiddenRule{number, later, true, HiddenRule::Why::dropped};
      }
      if (action != RuleAction::drop && decides(action) && meet(later, number)) return std::nullopt;
    }
    if (input_.rules->default_action != RuleAction::drop) return std::nullopt;
    return HiddenRule{number, std::nullopt, true, HiddenRule::Why::dropped};
  }

  const CompileInput& input_;
  const std::vector<Rule>& rules_;
  std::vector<Rows> rows_;
};

}  // namespace

std::vector<HiddenRule> hidden_rules(const CompileInput& input) { return HiddenRules(input).find(); }

}  // namespace nicsentry
