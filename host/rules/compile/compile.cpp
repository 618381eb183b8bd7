// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/compile.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "host/rules/compile/row_bits.h"
#include "host/rules/compile/rule_rows.h"
#include "host/rules/sets/address_key.h"
#include "host/rules/sets/interval_tree.h"

namespace nicsentry {

struct CompiledRows {
  std::vector<DecidingRow> rows;
  bool far_is_destination = false;
};

namespace {

// A chain of actions: that which decides, those that count, and that of all drops.
constexpr std::size_t kCountingMost = ACTIONS_CHAINED - 2;
constexpr std::uint32_t kProtocols = 256;

const AddressCondition& far_of(const MatchRow& row, bool far_is_destination) {
  return far_is_destination ? row.destination : row.source;
}
const AddressCondition& near_of(const MatchRow& row, bool far_is_destination) {
  return far_is_destination ? row.source : row.destination;
}

Bits bits_of_class(const CompiledRows& compiled, bool far, SetMask mask) {
  Bits bits((compiled.rows.size() + 63) / 64);
  for (std::size_t i = 0; i < compiled.rows.size(); ++i) {
    const MatchRow& row = compiled.rows[i].match;
    const AddressCondition& end =
        far ? far_of(row, compiled.far_is_destination) : near_of(row, compiled.far_is_destination);
    if (end.accepts(mask)) {
      bits[i / 64] |= std::uint64_t{1} << i % 64;
    }
  }
  return bits;
}

rule_chunk chunk_of(const Bits& bits, std::size_t chunk) {
  rule_chunk made{};
  for (std::size_t word = 0; word < CHUNK_WORDS && chunk * CHUNK_WORDS + word < bits.size(); ++word) {
    made.bits[word] = bits[chunk * CHUNK_WORDS + word];
  }
  return made;
}

rule_chunk summary_of(const Bits& bits, std::size_t chunks) {
  rule_chunk made{};
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    const rule_chunk part = chunk_of(bits, chunk);
    if (std::any_of(std::begin(part.bits), std::end(part.bits), [](std::uint64_t word) { return word != 0; })) {
      made.bits[0] |= std::uint64_t{1} << chunk;
    }
  }
  return made;
}

class Compiler {
 public:
  explicit Compiler(const CompileInput& input) : input_(input) {
    auto rows = std::make_shared<CompiledRows>();
    rows->rows = deciding_rows(*input.rules, input.set_bit, kCountingMost, RULE_ROWS_MAX);
    rows->far_is_destination = input.chain == Chain::egress;
    rows_ = rows;
    compiled_.rows = rows;
  }

  Compiled compile() {
    bank_.config = rows_->far_is_destination ? BANK_FAR_IS_DESTINATION : 0U;
    bank_.established = input_.rules->accept_established ? STATE_ESTABLISHED : STATES;
    bank_.first_bits = input_.place.first_bits;
    bank_.first_action = input_.place.first_action;
    add_actions();
    if (!rows_->rows.empty()) {
      add_fields();
    }
    for (std::size_t family = 0; family < kFamilies; ++family) {
      rule_bank& bank = compiled_.tables.banks[family];
      bank = bank_;
      bank.far.addresses = address_roots_[rows_->far_is_destination ? kDestination : kSource][family];
      bank.near.addresses = address_roots_[rows_->far_is_destination ? kSource : kDestination][family];
    }
    return std::move(compiled_);
  }

 private:
  enum End : std::uint8_t { kSource, kDestination };

  // Rows of bits that a field has given, for the error when all together are too many.
  struct Share {
    const char* field;
    std::size_t rows;
    std::size_t rules;
  };

  void add_fields() {
    RowBits rows(rows_->rows.size());
    const auto count_new = [&](const char* field, const auto& asks, const auto& add) {
      const std::size_t before = rows.rows().size();
      add();
      const auto rules = std::count_if(rows_->rows.begin(), rows_->rows.end(),
                                       [&asks](const DecidingRow& row) { return asks(row.match); });
      shares_.push_back({field, rows.rows().size() - before, static_cast<std::size_t>(rules)});
    };
    const auto some_address = [](const AddressCondition& end) {
      return end.ipv4 != KeyRanges{{0, kLastIpv4}} || end.ipv6 != KeyRanges{{0, kLastIpv6}};
    };
    count_new(
        "src", [&](const MatchRow& row) { return some_address(row.source); }, [&] { add_address(rows, kSource); });
    count_new(
        "dst", [&](const MatchRow& row) { return some_address(row.destination); },
        [&] { add_address(rows, kDestination); });
    count_new(
        "sport", [](const MatchRow& row) { return row.source_ports.has_value(); },
        [&] { (rows_->far_is_destination ? bank_.near : bank_.far).ports = add_ports(rows, &MatchRow::source_ports); });
    count_new(
        "dport", [](const MatchRow& row) { return row.destination_ports.has_value(); },
        [&] {
          (rows_->far_is_destination ? bank_.far : bank_.near).ports = add_ports(rows, &MatchRow::destination_ports);
        });
    count_new(
        "l4proto, tcpflags and conntrack",
        [](const MatchRow& row) {
          return row.protocol || row.state || row.asks_flags() || row.asks_ports() || row.later_fragments;
        },
        [&] { bank_.misc_root = add_misc(rows); });
    count_new(
        "sets", [](const MatchRow& row) { return row.source.uses_sets() || row.destination.uses_sets(); },
        [&] {
          bank_.far.set_rows = add_sets(rows, true);
          bank_.near.set_rows = add_sets(rows, false);
        });
    bank_.rows = static_cast<__u32>(rows.rows().size());
    check_room();
    add_bits(rows);
  }

  void add_address(RowBits& rows, End which) {
    const auto end = [this, which](std::size_t i) -> const AddressCondition& {
      const MatchRow& row = rows_->rows[i].match;
      return which == kDestination ? row.destination : row.source;
    };
    const std::size_t count = rows_->rows.size();
    address_roots_[which][kIpv4] = plain_tree(classify(
        rows, count, [&](std::size_t i) { return end(i).ipv4; }, kLastIpv4));
    address_roots_[which][kIpv6] = ipv6_tree(classify(
        rows, count, [&](std::size_t i) { return end(i).ipv6; }, kLastIpv6));
  }

  std::uint32_t add_ports(RowBits& rows, std::optional<PortRange> MatchRow::*ports) {
    constexpr Uint128 kLastPort = 0xffff;
    return plain_tree(classify(
        rows, rows_->rows.size(),
        [&](std::size_t i) {
          const auto& range = rows_->rows[i].match.*ports;
          return range ? KeyRanges{{range->first, range->last}} : KeyRanges{{0, kLastPort}};
        },
        kLastPort));
  }

  // Few of the keys differ: all protocols that no rule names are as one, but for TCP and UDP.
  std::uint32_t add_misc(RowBits& rows) {
    std::array<bool, kProtocols> named{};
    named[6] = named[17] = true;
    for (const DecidingRow& row : rows_->rows) {
      if (row.match.protocol) {
        named[*row.match.protocol] = true;
      }
    }
    std::vector<Interval> intervals;
    std::map<std::uint32_t, std::uint32_t> unnamed;  // row by the rest of the key
    for (std::uint32_t protocol = 0; protocol < kProtocols; ++protocol) {
      for (std::uint32_t rest = 0; rest < 1U << MISC_PROTOCOL_SHIFT;) {
        const std::uint32_t key = protocol << MISC_PROTOCOL_SHIFT | rest;
        std::uint32_t row = 0;
        if (const auto known = unnamed.find(rest); !named[protocol] && known != unnamed.end()) {
          row = known->second;
        } else {
          row = rows.find_or_add(misc_bits(rows, key));
          if (!named[protocol]) {
            unnamed[rest] = row;
          }
        }
        intervals.push_back({key, INTERVAL_LEAF | row});
        const bool flags = protocol == 6 && (rest & MISC_NO_HEADER) == 0;
        rest += flags ? 1U : 1U << MISC_STATE_SHIFT;  // others have no TCP flags
      }
    }
    return build_interval_tree(intervals, compiled_.tables.nodes, input_.place.first_node);
  }

  Bits misc_bits(const RowBits& rows, std::uint32_t key) const {
    Bits bits = rows.none();
    for (std::size_t i = 0; i < rows_->rows.size(); ++i) {
      if (rows_->rows[i].match.accepts_misc(key)) {
        bits[i / 64] |= std::uint64_t{1} << i % 64;
      }
    }
    return bits;
  }

  std::uint32_t add_sets(RowBits& rows, bool far) {
    const bool used = std::any_of(rows_->rows.begin(), rows_->rows.end(), [&](const DecidingRow& row) {
      return (far ? far_of(row.match, rows_->far_is_destination) : near_of(row.match, rows_->far_is_destination))
          .uses_sets();
    });
    if (!used) {
      return 0;
    }
    const auto first = static_cast<std::uint32_t>(rows.rows().size());
    for (std::size_t number = 0; number < SET_CLASSES; ++number) {
      rows.add(number < input_.classes.size() ? bits_of_class(*rows_, far, input_.classes[number]) : rows.none());
    }
    return first;
  }

  std::uint32_t plain_tree(const std::vector<RowChange>& changes) {
    std::vector<Interval> intervals;
    intervals.reserve(changes.size());
    for (const RowChange& change : changes) {
      intervals.push_back({static_cast<std::uint64_t>(change.key), INTERVAL_LEAF | change.row});
    }
    return build_interval_tree(intervals, compiled_.tables.nodes, input_.place.first_node);
  }

  // Over the higher halves; where the row changes within one of them, it leads to a tree over the lower halves.
  std::uint32_t ipv6_tree(const std::vector<RowChange>& changes) {
    std::vector<Interval> high;
    for (std::size_t i = 0; i < changes.size();) {
      const auto half = static_cast<std::uint64_t>(changes[i].key >> 64U);
      std::vector<Interval> low;
      if (static_cast<std::uint64_t>(changes[i].key) != 0) {
        low.push_back({0, INTERVAL_LEAF | changes[i - 1].row});
      }
      for (; i < changes.size() && static_cast<std::uint64_t>(changes[i].key >> 64U) == half; ++i) {
        low.push_back({static_cast<std::uint64_t>(changes[i].key), INTERVAL_LEAF | changes[i].row});
      }
      const std::uint32_t way = build_interval_tree(low, compiled_.tables.nodes, input_.place.first_node);
      high.push_back({half, (way & INTERVAL_LEAF) != 0 ? way : way | INTERVAL_LOW});
      const bool followed = i < changes.size() && static_cast<std::uint64_t>(changes[i].key >> 64U) == half + 1 &&
                            static_cast<std::uint64_t>(changes[i].key) == 0;
      if ((way & INTERVAL_LEAF) == 0 && half != ~std::uint64_t{0} && !followed) {
        const bool next_half = i < changes.size() && static_cast<std::uint64_t>(changes[i].key >> 64U) == half + 1;
        if (!next_half) {
          high.push_back({half + 1, INTERVAL_LEAF | changes[i - 1].row});
        }
      }
    }
    return build_interval_tree(high, compiled_.tables.nodes, input_.place.first_node);
  }

  void check_room() const {
    const std::size_t bits = std::size_t{bank_.rows} * (compiled_.chunks() + 1);
    const std::size_t nodes = compiled_.tables.nodes.size();
    constexpr std::size_t kRowsMost = 0xffff;  // a row's number has 16 bits in the program
    std::string over;
    if (bank_.rows > kRowsMost) {
      over = std::to_string(bank_.rows) + " rows of bits, room is for " + std::to_string(kRowsMost);
    } else if (bits > input_.place.bits) {
      over = std::to_string(bits) + " elements of rule_bits (" + std::to_string(bank_.rows) + " rows in " +
             std::to_string(compiled_.chunks()) + " chunks and a summary), room is for " +
             std::to_string(input_.place.bits);
    } else if (nodes > input_.place.nodes) {
      over = std::to_string(nodes) + " elements of interval_nodes, room is for " + std::to_string(input_.place.nodes);
    } else {
      return;
    }
    const auto largest = std::max_element(shares_.begin(), shares_.end(),
                                          [](const Share& a, const Share& b) { return a.rows < b.rows; });
    throw Conflict("the rules do not fit: " + over +
                   "; the largest group behind it: " + std::to_string(largest->rules) + " rules with " +
                   largest->field + ", " + std::to_string(largest->rows) + " rows");
  }

  void add_bits(const RowBits& rows) {
    const std::size_t chunks = compiled_.chunks();
    std::vector<rule_chunk>& bits = compiled_.tables.bits;
    bits.reserve(rows.rows().size() * (chunks + 1));
    for (const Bits& row : rows.rows()) {
      bits.push_back(summary_of(row, chunks));
    }
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      for (const Bits& row : rows.rows()) {
        bits.push_back(chunk_of(row, chunk));
      }
    }
  }

  void add_actions() {
    std::vector<rule_action>& actions = compiled_.tables.actions;
    actions.resize(ACTION_FIRST_RULE + rows_->rows.size());
    const bool drop = input_.rules->default_action == RuleAction::drop;
    actions[ACTION_DROPPED] = {0, COUNTER_DROPPED, 0};
    actions[ACTION_BLOCKED] = {ACTION_DROP, COUNTER_BLOCKED, element(ACTION_DROPPED)};
    actions[ACTION_ESTABLISHED] = {0, COUNTER_ESTABLISHED, 0};
    actions[ACTION_DEFAULT] = {drop ? ACTION_DROP : 0, COUNTER_DEFAULT, drop ? element(ACTION_DROPPED) : 0};
    for (std::size_t i = 0; i < rows_->rows.size(); ++i) {
      const DecidingRow& row = rows_->rows[i];
      compiled_.bit_rules.push_back(row.match.rule == kEstablishedAction ? kDefaultAction : row.match.rule);
      rule_action made{};
      if (row.match.rule == kDefaultAction) {
        made = actions[ACTION_DEFAULT];
      } else if (row.match.rule == kEstablishedAction) {
        made = actions[ACTION_ESTABLISHED];
      } else {
        const Rule& rule = input_.rules->rules[row.match.rule];
        made.config = rule.action == RuleAction::drop ? ACTION_DROP : rule.action == RuleAction::log ? ACTION_LOG : 0;
        made.counter = rule.counter;
      }
      made.also = counting_chain(row.counting, (made.config & ACTION_DROP) != 0);
      actions[ACTION_FIRST_RULE + i] = made;
    }
  }

  std::uint32_t element(std::size_t action) const {
    return input_.place.first_action + static_cast<std::uint32_t>(action);
  }

  // Of equal chains there is one.
  std::uint32_t counting_chain(const std::vector<std::uint32_t>& counting, bool drop) {
    std::uint32_t behind = drop ? element(ACTION_DROPPED) : 0;
    for (const std::uint32_t rule : counting) {
      const auto [found, is_new] = chains_.try_emplace({rule, behind}, 0);
      if (is_new) {
        found->second = element(compiled_.tables.actions.size());
        compiled_.tables.actions.push_back({0, input_.rules->rules[rule].counter, behind});
      }
      behind = found->second;
    }
    if (compiled_.tables.actions.size() > ACTION_ROWS) {
      throw Conflict("the rules do not fit: more than " + std::to_string(ACTION_ROWS) +
                     " elements of rule_actions; the largest group behind it: counting rules");
    }
    return behind;
  }

  const CompileInput& input_;
  std::shared_ptr<const CompiledRows> rows_;
  Compiled compiled_;
  rule_bank bank_{};                                                     // what both families have in common
  std::array<std::array<std::uint32_t, kFamilies>, 2> address_roots_{};  // by End
  std::vector<Share> shares_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> chains_;
};

}  // namespace

std::uint32_t Compiled::rule_of(std::uint32_t action) const {
  const std::size_t bit = std::size_t{action} - tables.banks[0].first_action - ACTION_FIRST_RULE;
  return bit < bit_rules.size() ? bit_rules[bit] : kDefaultAction;
}

Compiled compile_chain(const CompileInput& input) { return Compiler(input).compile(); }

std::vector<BitsWrite> class_rows(const Compiled& compiled, std::uint32_t set_class, SetMask mask) {
  std::vector<BitsWrite> writes;
  const rule_bank& bank = compiled.tables.banks[0];
  for (const bool far : {true, false}) {
    const std::uint32_t first = far ? bank.far.set_rows : bank.near.set_rows;
    if (first == 0) {
      continue;
    }
    const Bits bits = bits_of_class(*compiled.rows, far, mask);
    std::uint32_t index = bank.first_bits + first + set_class;
    writes.push_back({index, summary_of(bits, compiled.chunks())});
    for (std::size_t chunk = 0; chunk < compiled.chunks(); ++chunk) {
      index += bank.rows;
      writes.push_back({index, chunk_of(bits, chunk)});
    }
  }
  std::sort(writes.begin(), writes.end(), [](const BitsWrite& a, const BitsWrite& b) { return a.index < b.index; });
  return writes;
}

std::vector<HiddenRule> hidden_rules(const CompileInput& input) {
  std::vector<std::vector<MatchRow>> earlier;
  std::vector<HiddenRule> hidden;
  for (std::uint32_t number = 0; number < input.rules->rules.size(); ++number) {
    const Rule& rule = input.rules->rules[number];
    earlier.push_back(rows_of(rule, number, input.set_bit));
    if (rule.action == RuleAction::count) {
      continue;
    }
    for (std::uint32_t other = 0; other < number; ++other) {
      const bool all = input.rules->rules[other].action != RuleAction::count &&
                       std::all_of(earlier[number].begin(), earlier[number].end(), [&](const MatchRow& inner) {
                         return std::any_of(earlier[other].begin(), earlier[other].end(),
                                            [&inner](const MatchRow& outer) { return covers(outer, inner); });
                       });
      if (all) {
        hidden.push_back({number, other, input.rules->rules[other].action == rule.action});
        break;
      }
    }
  }
  return hidden;
}

}  // namespace nicsentry
