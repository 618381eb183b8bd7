// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/compile.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "bpf_offload/facts.h"
#include "host/rules/compile/bit_vectors.h"
#include "host/rules/compile/deciding_rows.h"
#include "host/rules/compile/limit_table.h"
#include "host/rules/language/ether_type.h"
#include "host/rules/language/number_fields.h"
#include "host/rules/sets/address_key.h"
#include "host/rules/sets/range_tree.h"

namespace nicsentry {

struct CompiledRows {
  std::vector<DecidingRow> rows;
  bool remote_is_destination = false;
};

namespace {

// The list of actions of a packet holds the deciding rule, the counting rules, and the counter of all drops.
constexpr std::size_t kCountingMost = ACTIONS_CHAINED - 2;
constexpr std::uint32_t kProtocols = 256;

const AddressCondition& remote_of(const MatchRow& row, bool remote_is_destination) {
  return remote_is_destination ? row.destination : row.source;
}
const AddressCondition& local_of(const MatchRow& row, bool remote_is_destination) {
  return remote_is_destination ? row.source : row.destination;
}

BitVector bits_of_class(const CompiledRows& compiled, bool remote, SetMask mask) {
  BitVector bits((compiled.rows.size() + 63) / 64);
  for (std::size_t i = 0; i < compiled.rows.size(); ++i) {
    const MatchRow& row = compiled.rows[i].match;
    const AddressCondition& end =
        remote ? remote_of(row, compiled.remote_is_destination) : local_of(row, compiled.remote_is_destination);
    if (end.accepts(mask)) {
      bits[i / 64] |= std::uint64_t{1} << i % 64;
    }
  }
  return bits;
}

rule_chunk chunk_of(const BitVector& bits, std::size_t chunk) {
  rule_chunk made{};
  for (std::size_t word = 0; word < CHUNK_WORDS && chunk * CHUNK_WORDS + word < bits.size(); ++word) {
    made.bits[word] = bits[chunk * CHUNK_WORDS + word];
  }
  return made;
}

rule_chunk aggregate_of(const BitVector& bits, std::size_t chunks) {
  rule_chunk made{};
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    const rule_chunk part = chunk_of(bits, chunk);
    if (std::any_of(std::begin(part.bits), std::end(part.bits), [](std::uint64_t word) { return word != 0; })) {
      made.bits[0] |= std::uint64_t{1} << chunk;
    }
  }
  return made;
}

const InterfaceMatch& interfaces_of(const Rule& rule, Chain chain) {
  return chain == Chain::ingress ? rule.match.in : rule.match.out;
}

std::vector<bool> rules_for(const CompileInput& input) {
  std::vector<bool> used;
  used.reserve(input.rules->rules.size());
  for (const Rule& rule : input.rules->rules) {
    used.push_back((!input.interface || interfaces_of(rule, input.chain).accepts(*input.interface)) &&
                   (input.limits || rule.action != RuleAction::limit));
  }
  return used;
}

class Compiler {
 public:
  explicit Compiler(const CompileInput& input) : input_(input) {
    auto rows = std::make_shared<CompiledRows>();
    rows->rows = deciding_rows(*input.rules, rules_for(input), input.set_bit, kCountingMost, RULE_ROWS_MAX);
    rows->remote_is_destination = input.chain == Chain::egress;
    rows_ = rows;
    compiled_.rows = rows;
  }

  Compiled compile() {
    bank_.config = rows_->remote_is_destination ? BANK_REMOTE_IS_DESTINATION : 0U;
    bank_.established = input_.rules->accept_established ? STATE_ESTABLISHED : STATES;
    bank_.first_bits = input_.place.first_bits;
    bank_.first_action = input_.place.first_action;
    bank_.unjudged = input_.rules->drop_unjudged && restricts(*input_.rules, input_.blocks) ? FACT_UNJUDGED : 0U;
    add_limits();
    add_actions();
    add_established_limits();
    add_non_ip();
    if (!rows_->rows.empty()) {
      add_fields();
    }
    for (std::size_t family = 0; family < kFamilies; ++family) {
      rule_bank& bank = compiled_.tables.banks[family];
      bank = bank_;
      bank.remote.addresses = address_roots_[rows_->remote_is_destination ? kDestination : kSource][family];
      bank.local.addresses = address_roots_[rows_->remote_is_destination ? kSource : kDestination][family];
    }
    return std::move(compiled_);
  }

 private:
  enum End : std::uint8_t { kSource, kDestination };

  // Counts the bit vectors that a field needs, for the error message if there are too many.
  struct FieldSize {
    const char* field;
    std::size_t vectors;
    std::size_t rules;
  };

  void add_fields() {
    BitVectors vectors(rows_->rows.size());
    const auto count_new = [&](const char* field, const auto& asks, const auto& add) {
      const std::size_t before = vectors.vectors().size();
      add();
      const auto rules = std::count_if(rows_->rows.begin(), rows_->rows.end(),
                                       [&asks](const DecidingRow& row) { return asks(row.match); });
      field_sizes_.push_back({field, vectors.vectors().size() - before, static_cast<std::size_t>(rules)});
    };
    const auto some_address = [](const AddressCondition& end) {
      return end.ipv4 != KeyRanges{{0, kLastIpv4}} || end.ipv6 != KeyRanges{{0, kLastIpv6}};
    };
    count_new(
        "src", [&](const MatchRow& row) { return some_address(row.source); }, [&] { add_address(vectors, kSource); });
    count_new(
        "dst", [&](const MatchRow& row) { return some_address(row.destination); },
        [&] { add_address(vectors, kDestination); });
    count_new(
        "sport or icmptype", [](const MatchRow& row) { return row.source_ports || row.icmp; },
        [&] {
          (rows_->remote_is_destination ? bank_.local : bank_.remote).ports =
              add_ports(vectors, &MatchRow::source_ports);
        });
    count_new(
        "dport", [](const MatchRow& row) { return row.destination_ports.has_value(); },
        [&] {
          (rows_->remote_is_destination ? bank_.remote : bank_.local).ports =
              add_ports(vectors, &MatchRow::destination_ports);
        });
    count_new(
        "length, dscp, ttl and vlan", [](const MatchRow& row) { return row.asks_fields() && !row.icmp; },
        [&] { add_host_fields(vectors); });
    count_new(
        "l4proto, tcpflags and conntrack",
        [](const MatchRow& row) {
          return row.protocols || row.state || row.asks_flags() || row.asks_ports() || row.icmp || row.later_fragments;
        },
        [&] { bank_.facts_root = add_misc(vectors); });
    count_new(
        "sets", [](const MatchRow& row) { return row.source.uses_sets() || row.destination.uses_sets(); },
        [&] {
          bank_.remote.set_rows = add_sets(vectors, true);
          bank_.local.set_rows = add_sets(vectors, false);
        });
    bank_.rows = static_cast<__u32>(vectors.vectors().size());
    check_room();
    add_bits(vectors);
  }

  // The leaf of an EtherType that passes is 1.
  void add_non_ip() {
    if (!input_.rules->non_ip) {
      return;
    }
    std::vector<TreeRange> ranges{{0, INTERVAL_LEAF}};
    for (const std::uint16_t type : *input_.rules->non_ip) {
      const std::uint32_t last = type == kLlc ? kLastLength : type;
      if (ranges.back().key == type) {
        ranges.pop_back();
      }
      ranges.push_back({type, INTERVAL_LEAF | 1U});
      ranges.push_back({last + 1U, INTERVAL_LEAF});
    }
    // A root of 0 stands for a chain that passes all types: no tree of them may be node 0.
    if (input_.place.first_node + compiled_.tables.nodes.size() == 0) {
      compiled_.tables.nodes.emplace_back();
    }
    bank_.non_ip = build_range_tree(ranges, compiled_.tables.nodes, input_.place.first_node);
  }

  void add_address(BitVectors& vectors, End which) {
    const auto end = [this, which](std::size_t i) -> const AddressCondition& {
      const MatchRow& row = rows_->rows[i].match;
      return which == kDestination ? row.destination : row.source;
    };
    const std::size_t count = rows_->rows.size();
    address_roots_[which][kIpv4] = ipv4_tree(classify(
        vectors, count, [&](std::size_t i) { return end(i).ipv4; }, kLastIpv4));
    address_roots_[which][kIpv6] = ipv6_tree(classify(
        vectors, count, [&](std::size_t i) { return end(i).ipv6; }, kLastIpv6));
  }

  std::uint32_t add_ports(BitVectors& vectors, std::optional<KeyRanges> MatchRow::*ports) {
    constexpr Uint128 kLastPort = 0xffff;
    return plain_tree(classify(
        vectors, rows_->rows.size(),
        [&](std::size_t i) {
          const MatchRow& row = rows_->rows[i].match;
          // Ports of ICMP are its type and code; both roots are asked for them.
          const auto& ranges = row.icmp ? row.icmp : row.*ports;
          return ranges ? *ranges : KeyRanges{{0, kLastPort}};
        },
        kLastPort));
  }

  // The trees over the fields that only programs on the host read, and the element that names their roots.
  void add_host_fields(BitVectors& vectors) {
    if (std::none_of(rows_->rows.begin(), rows_->rows.end(),
                     [](const DecidingRow& row) { return row.match.asks_fields(); })) {
      return;
    }
    constexpr std::array<Uint128, HOST_FIELDS> kLast{FIELD_LENGTH_NONE, 0x3f, 0xff, FIELD_VLAN_NONE};
    interval_node roots{};
    for (std::size_t field = 0; field < HOST_FIELDS; ++field) {
      roots.next[field] = plain_tree(classify(
          vectors, rows_->rows.size(),
          [&](std::size_t i) {
            const auto& ranges = rows_->rows[i].match.fields.at(field);
            return ranges ? *ranges : KeyRanges{{0, kLast.at(field)}};
          },
          kLast.at(field)));
    }
    const std::size_t element_number = input_.place.first_node + compiled_.tables.nodes.size();
    compiled_.tables.nodes.push_back(roots);
    bank_.config |= BANK_ASKS_FIELDS | static_cast<std::uint32_t>(element_number) << BANK_FIELDS_SHIFT;
  }

  // Protocols that no rule names share their bit vectors, except TCP and UDP. Few keys then need a vector of their own.
  std::uint32_t add_misc(BitVectors& vectors) {
    std::array<bool, kProtocols> named{};
    named[6] = named[17] = true;
    for (const DecidingRow& row : rows_->rows) {
      for (std::uint32_t protocol = 0; row.match.protocols && protocol < kProtocols; ++protocol) {
        named[protocol] = named[protocol] || row.match.protocols->test(protocol);
      }
    }
    std::vector<TreeRange> ranges;
    std::map<std::uint32_t, std::uint32_t> unnamed;  // vector by the rest of the key
    for (std::uint32_t protocol = 0; protocol < kProtocols; ++protocol) {
      for (std::uint32_t rest = 0; rest < 1U << FACT_PROTOCOL_SHIFT;) {
        const std::uint32_t key = protocol << FACT_PROTOCOL_SHIFT | rest;
        std::uint32_t vector = 0;
        if (const auto known = unnamed.find(rest); !named[protocol] && known != unnamed.end()) {
          vector = known->second;
        } else {
          vector = vectors.find_or_add(misc_bits(vectors, key));
          if (!named[protocol]) {
            unnamed[rest] = vector;
          }
        }
        ranges.push_back({key, INTERVAL_LEAF | vector});
        const bool flags = protocol == 6 && (rest & FACT_NO_HEADER) == 0;
        rest += flags ? 1U : 1U << FACT_STATE_SHIFT;  // others have no TCP flags
      }
    }
    return build_range_tree(ranges, compiled_.tables.nodes, input_.place.first_node);
  }

  BitVector misc_bits(const BitVectors& vectors, std::uint32_t key) const {
    BitVector bits = vectors.none();
    for (std::size_t i = 0; i < rows_->rows.size(); ++i) {
      if (rows_->rows[i].match.accepts_misc(key)) {
        bits[i / 64] |= std::uint64_t{1} << i % 64;
      }
    }
    return bits;
  }

  std::uint32_t add_sets(BitVectors& vectors, bool remote) {
    const bool used = std::any_of(rows_->rows.begin(), rows_->rows.end(), [&](const DecidingRow& row) {
      return (remote ? remote_of(row.match, rows_->remote_is_destination)
                     : local_of(row.match, rows_->remote_is_destination))
          .uses_sets();
    });
    if (!used) {
      return 0;
    }
    const auto first = static_cast<std::uint32_t>(vectors.vectors().size());
    for (std::size_t number = 0; number < SET_CLASSES; ++number) {
      vectors.add(number < input_.classes.size() ? bits_of_class(*rows_, remote, input_.classes[number])
                                                 : vectors.none());
    }
    return first;
  }

  std::uint32_t plain_tree(const std::vector<VectorChange>& changes) {
    std::vector<TreeRange> ranges;
    ranges.reserve(changes.size());
    for (const VectorChange& change : changes) {
      ranges.push_back({static_cast<std::uint64_t>(change.key), INTERVAL_LEAF | change.vector});
    }
    return build_range_tree(ranges, compiled_.tables.nodes, input_.place.first_node);
  }

  // The programs have an IPv4 address in the lower half.
  std::uint32_t ipv4_tree(const std::vector<VectorChange>& changes) {
    const std::uint32_t root = plain_tree(changes);
    return (root & INTERVAL_LEAF) != 0 ? root : root | INTERVAL_LOW;
  }

  // Builds a tree over the higher halves. Where the bit vector changes within a half, its child is a tree over the
  // lower halves.
  std::uint32_t ipv6_tree(const std::vector<VectorChange>& changes) {
    std::vector<TreeRange> high;
    for (std::size_t i = 0; i < changes.size();) {
      const auto half = static_cast<std::uint64_t>(changes[i].key >> 64U);
      std::vector<TreeRange> low;
      if (static_cast<std::uint64_t>(changes[i].key) != 0) {
        low.push_back({0, INTERVAL_LEAF | changes[i - 1].vector});
      }
      for (; i < changes.size() && static_cast<std::uint64_t>(changes[i].key >> 64U) == half; ++i) {
        low.push_back({static_cast<std::uint64_t>(changes[i].key), INTERVAL_LEAF | changes[i].vector});
      }
      const std::uint32_t child = build_range_tree(low, compiled_.tables.nodes, input_.place.first_node);
      high.push_back({half, (child & INTERVAL_LEAF) != 0 ? child : child | INTERVAL_LOW});
      const bool followed = i < changes.size() && static_cast<std::uint64_t>(changes[i].key >> 64U) == half + 1 &&
                            static_cast<std::uint64_t>(changes[i].key) == 0;
      if ((child & INTERVAL_LEAF) == 0 && half != ~std::uint64_t{0} && !followed) {
        const bool next_half = i < changes.size() && static_cast<std::uint64_t>(changes[i].key >> 64U) == half + 1;
        if (!next_half) {
          high.push_back({half + 1, INTERVAL_LEAF | changes[i - 1].vector});
        }
      }
    }
    return build_range_tree(high, compiled_.tables.nodes, input_.place.first_node);
  }

  void check_room() const {
    const std::size_t bits = std::size_t{bank_.rows} * (compiled_.chunks() + 1);
    const std::size_t nodes = compiled_.tables.nodes.size();
    constexpr std::size_t kVectorsMost = 0xffff;  // the program has 16 bits for a vector's number
    std::string over;
    if (bank_.rows > kVectorsMost) {
      over = std::to_string(bank_.rows) + " bit vectors; there is room for " + std::to_string(kVectorsMost);
    } else if (bits > input_.place.bits) {
      over = std::to_string(bits) + " elements of rule_bits (" + std::to_string(bank_.rows) + " bit vectors of " +
             std::to_string(compiled_.chunks()) + " chunks and an aggregate); there is room for " +
             std::to_string(input_.place.bits);
    } else if (nodes > input_.place.nodes) {
      over = std::to_string(nodes) + " elements of interval_nodes; there is room for " +
             std::to_string(input_.place.nodes);
    } else {
      return;
    }
    const auto largest = std::max_element(field_sizes_.begin(), field_sizes_.end(),
                                          [](const FieldSize& a, const FieldSize& b) { return a.vectors < b.vectors; });
    throw Conflict("the rules do not fit: " + over + "; the largest group: " + std::to_string(largest->rules) +
                   " rules with " + largest->field + ", " + std::to_string(largest->vectors) + " bit vectors");
  }

  void add_bits(const BitVectors& vectors) {
    const std::size_t chunks = compiled_.chunks();
    std::vector<rule_chunk>& bits = compiled_.tables.bits;
    bits.reserve(vectors.vectors().size() * (chunks + 1));
    for (const BitVector& vector : vectors.vectors()) {
      bits.push_back(aggregate_of(vector, chunks));
    }
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      for (const BitVector& vector : vectors.vectors()) {
        bits.push_back(chunk_of(vector, chunk));
      }
    }
  }

  // Numbers the rules that limit, and says behind which row the search goes on.
  void add_limits() {
    for (std::size_t i = 0; i < rows_->rows.size(); ++i) {
      const std::uint32_t rule = rows_->rows[i].match.rule;
      if (!limits(rule)) {
        continue;
      }
      if (compiled_.limit_rules.empty() || compiled_.limit_rules.back() != rule) {
        compiled_.limit_rules.push_back(rule);
        compiled_.tables.limits.push_back(limit_of(*input_.rules->rules[rule].limit, input_.chain));
      }
      for (limit& family : compiled_.tables.limits.back()) {
        family.next = static_cast<__u32>(i + 1);
      }
    }
    if (compiled_.limit_rules.size() > LIMITS) {
      throw Conflict("the rules do not fit: " + std::to_string(compiled_.limit_rules.size()) +
                     " rules with action limit; a chain has room for " + std::to_string(LIMITS));
    }
    bank_.established |= compiled_.limit_rules.empty() ? 0U : BANK_LIMITS;
  }

  bool limits(std::uint32_t rule) const {
    return rule < input_.rules->rules.size() && input_.rules->rules[rule].action == RuleAction::limit;
  }

  // Rules that count see no established packets, so that these have an action of their own.
  void add_established_limits() {
    for (std::size_t number = 0; number < compiled_.limit_rules.size(); ++number) {
      const Rule& rule = input_.rules->rules[compiled_.limit_rules[number]];
      for (limit& family : compiled_.tables.limits[number]) {
        family.established = static_cast<__u32>(compiled_.tables.actions.size());
      }
      compiled_.tables.actions.push_back(
          {ACTION_DROP | (logged_one_of(rule) != 0 ? ACTION_LOG : 0U), rule.counter, element(ACTION_DROPPED)});
    }
  }

  void add_actions() {
    std::vector<rule_action>& actions = compiled_.tables.actions;
    actions.resize(ACTION_FIRST_RULE + rows_->rows.size());
    const bool drop = input_.rules->default_action == RuleAction::drop;
    actions[ACTION_DROPPED] = {0, COUNTER_DROPPED, 0};
    actions[ACTION_BLOCKED] = {ACTION_DROP, COUNTER_BLOCKED, element(ACTION_DROPPED)};
    actions[ACTION_ESTABLISHED] = {0, COUNTER_ESTABLISHED, 0};
    actions[ACTION_NON_IP] = {ACTION_DROP, COUNTER_NON_IP, element(ACTION_DROPPED)};
    for (std::uint32_t cause = 0; cause < CAUSES; ++cause) {
      const bool drops = bank_.unjudged != 0 && cause >= CAUSE_VLAN_DEPTH;
      actions[ACTION_UNJUDGED + cause + 1] = {drops ? ACTION_DROP : 0, COUNTER_UNJUDGED + cause + 1,
                                              drops ? element(ACTION_DROPPED) : 0};
    }
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
        made.config = (rule.action == RuleAction::drop ? ACTION_DROP : 0) | (logged_one_of(rule) != 0 ? ACTION_LOG : 0);
        made.counter = rule.counter;
        if (rule.action == RuleAction::limit) {
          made.config |= ACTION_DROP | limit_number(row.match.rule) << ACTION_LIMIT_SHIFT;
        }
      }
      made.also = counting_chain(row.counting, (made.config & ACTION_DROP) != 0);
      actions[ACTION_FIRST_RULE + i] = made;
    }
  }

  // From 1 on.
  std::uint32_t limit_number(std::uint32_t rule) const {
    const auto& known = compiled_.limit_rules;
    return static_cast<std::uint32_t>(std::find(known.begin(), known.end(), rule) - known.begin()) + 1;
  }

  std::uint32_t element(std::size_t action) const {
    return input_.place.first_action + static_cast<std::uint32_t>(action);
  }

  // Returns the first element of a list of counting actions. Equal lists share their elements.
  std::uint32_t counting_chain(const std::vector<std::uint32_t>& counting, bool drop) {
    std::uint32_t next = drop ? element(ACTION_DROPPED) : 0;
    for (const std::uint32_t rule : counting) {
      const auto [found, is_new] = chains_.try_emplace({rule, next}, 0);
      if (is_new) {
        found->second = element(compiled_.tables.actions.size());
        compiled_.tables.actions.push_back({0, input_.rules->rules[rule].counter, next});
      }
      next = found->second;
    }
    if (compiled_.tables.actions.size() > ACTION_ROWS) {
      throw Conflict("the rules do not fit: more than " + std::to_string(ACTION_ROWS) +
                     " elements of rule_actions; the largest group: counting rules");
    }
    return next;
  }

  const CompileInput& input_;
  std::shared_ptr<const CompiledRows> rows_;
  Compiled compiled_;
  rule_bank bank_{};                                                     // the part that both families share
  std::array<std::array<std::uint32_t, kFamilies>, 2> address_roots_{};  // by End
  std::vector<FieldSize> field_sizes_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> chains_;
};

}  // namespace

std::uint32_t Compiled::rule_of(std::uint32_t action) const {
  const std::size_t number = std::size_t{action} - tables.banks[0].first_action;
  for (std::size_t i = 0; i < limit_rules.size(); ++i) {
    if (tables.limits[i][0].established == number) {
      return limit_rules[i];
    }
  }
  const std::size_t bit = number - ACTION_FIRST_RULE;
  return bit < bit_rules.size() ? bit_rules[bit] : kDefaultAction;
}

bool restricts(const ChainRules& rules, bool blocks) {
  return blocks || !rules.rules.empty() || rules.default_action == RuleAction::drop;
}

std::optional<HostField> host_field_asked(const ChainRules& rules, Chain chain, const std::string& interface) {
  for (std::size_t id = 0; id < rules.rules.size(); ++id) {
    const Rule& rule = rules.rules[id];
    if (!interface.empty() && !interfaces_of(rule, chain).accepts(interface)) {
      continue;
    }
    const auto asked = std::find_if(kNumberFields.begin(), kNumberFields.end(),
                                    [&rule](NumberField field) { return !rule.match.number(field).empty(); });
    if (asked != kNumberFields.end()) {
      return HostField{id, *asked};
    }
  }
  return std::nullopt;
}

bool asks_interface(const ChainRules& rules) {
  return std::any_of(rules.rules.begin(), rules.rules.end(),
                     [](const Rule& rule) { return !rule.match.in.any() || !rule.match.out.any(); });
}

bool has_limits(const ChainRules& rules) {
  return std::any_of(rules.rules.begin(), rules.rules.end(),
                     [](const Rule& rule) { return rule.action == RuleAction::limit; });
}

Compiled compile_chain(const CompileInput& input) { return Compiler(input).compile(); }

std::vector<BitsWrite> class_rows(const Compiled& compiled, std::uint32_t set_class, SetMask mask) {
  std::vector<BitsWrite> writes;
  const rule_bank& bank = compiled.tables.banks[0];
  for (const bool remote : {true, false}) {
    const std::uint32_t first = remote ? bank.remote.set_rows : bank.local.set_rows;
    if (first == 0) {
      continue;
    }
    const BitVector bits = bits_of_class(*compiled.rows, remote, mask);
    std::uint32_t index = bank.first_bits + first + set_class;
    writes.push_back({index, aggregate_of(bits, compiled.chunks())});
    for (std::size_t chunk = 0; chunk < compiled.chunks(); ++chunk) {
      index += bank.rows;
      writes.push_back({index, chunk_of(bits, chunk)});
    }
  }
  std::sort(writes.begin(), writes.end(), [](const BitsWrite& a, const BitsWrite& b) { return a.index < b.index; });
  return writes;
}

}  // namespace nicsentry
