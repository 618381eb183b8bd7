// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/deciding_rows.h"

#include <algorithm>
#include <string>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// Packets that all of these counting rules match.
struct Combination {
  MatchRow match;
  std::vector<std::uint32_t> counting;
};

std::string list_of(const std::vector<std::uint32_t>& rules) {
  std::string text;
  for (const std::uint32_t rule : rules) {
    text += (text.empty() ? "" : ", ") + std::to_string(rule);
  }
  return text;
}

MatchRow every_packet(std::uint32_t rule) {
  MatchRow row;
  row.rule = rule;
  row.source = row.destination = {{{0, kLastIpv4}}, {{0, kLastIpv6}}, {}, 0};
  return row;
}

class Builder {
 public:
  Builder(std::size_t counting_most, std::size_t rows_most) : counting_most_(counting_most), rows_most_(rows_most) {}

  void add_counting(const MatchRow& row) {
    std::vector<Combination> more;
    for (const Combination& earlier : combinations_) {
      if (earlier.counting.back() == row.rule) {
        continue;  // another part of the same rule
      }
      if (auto match = intersection(earlier.match, row)) {
        more.push_back({std::move(*match), earlier.counting});
        more.back().counting.push_back(row.rule);
        check_counting(more.back().counting);
      }
    }
    more.push_back({row, {row.rule}});
    combinations_.insert(combinations_.end(), more.begin(), more.end());
    check_rows(combinations_.size());
    // The most specific combination comes first, so the search finds the one with the most rules.
    std::stable_sort(combinations_.begin(), combinations_.end(),
                     [](const Combination& a, const Combination& b) { return a.counting.size() > b.counting.size(); });
  }

  void add_deciding(const MatchRow& row) {
    for (const Combination& combination : combinations_) {
      if (auto match = intersection(combination.match, row)) {
        rows_.push_back({std::move(*match), combination.counting});
        check_rows(rows_.size());
      }
    }
    rows_.push_back({row, {}});
    check_rows(rows_.size());
  }

  // `with_default`: the last row matches every packet.
  std::vector<DecidingRow> finish(bool with_default) {
    for (Combination& combination : combinations_) {
      combination.match.rule = kDefaultAction;
      rows_.push_back({std::move(combination.match), combination.counting});
      check_rows(rows_.size());
    }
    if (with_default) {
      rows_.push_back({every_packet(kDefaultAction), {}});
      check_rows(rows_.size());
    }
    return std::move(rows_);
  }

 private:
  void check_counting(const std::vector<std::uint32_t>& counting) const {
    if (counting.size() > counting_most_) {
      throw Conflict("rules " + list_of(counting) + ": one packet can match all of these counting rules; at most " +
                     std::to_string(counting_most_) + " can count it");
    }
  }
  void check_rows(std::size_t rows) const {
    if (rows > rows_most_) {
      std::size_t counting = 0;
      for (const DecidingRow& row : rows_) {
        counting += row.counting.empty() ? 0U : 1U;
      }
      throw Conflict("the rules do not fit: they need more than " + std::to_string(rows_most_) +
                     " match rows; the largest group: " +
                     (counting * 2 > rows_.size()
                          ? "rules behind counting rules, which need a row for each counting rule "
                            "that matches some of their packets"
                          : "rules that name both sets and addresses, which need a row for each"));
    }
  }

  std::size_t counting_most_;
  std::size_t rows_most_;
  std::vector<Combination> combinations_;
  std::vector<DecidingRow> rows_;
};

}  // namespace

std::vector<DecidingRow> deciding_rows(const ChainRules& chain, const std::vector<bool>& used, const SetBit& set_bit,
                                       std::size_t counting_most, std::size_t rows_most) {
  Builder builder(counting_most, rows_most);
  bool limits = false;
  for (std::uint32_t number = 0; number < chain.rules.size(); ++number) {
    if (!used[number]) {
      continue;
    }
    limits = limits || chain.rules[number].action == RuleAction::limit;
    for (const MatchRow& row : rows_of(chain, number, set_bit)) {
      if (chain.rules[number].action == RuleAction::count) {
        builder.add_counting(row);
      } else {
        builder.add_deciding(row);
      }
    }
  }
  if (chain.accept_established && chain.default_action == RuleAction::drop) {
    MatchRow later_fragments = every_packet(kEstablishedAction);
    later_fragments.later_fragments = true;
    builder.add_deciding(later_fragments);
  }
  return builder.finish(limits);
}

}  // namespace nicsentry
