// SPDX-License-Identifier: GPL-2.0-or-later
// Recursive flow classification (Gupta and McKeown, 1999). Phase 0 uses ranges: the search tree of the bit vectors
// returns the class of each of five fields. The original uses tables over chunks of 16 bits, which need more room.
// Values of the same class match the same rules. Each table combines two classes into one. The last table returns the
// rule.
#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "bpf_offload/facts.h"
#include "classifier.h"
#include "host/rules/compile/bit_vectors.h"
#include "host/rules/sets/range_tree.h"
#include "range_search.h"

namespace nicsentry::bench {
namespace {

constexpr std::size_t kFields = 5;
constexpr std::size_t kTables = kFields - 1;
constexpr const char* kFieldNames[kFields] = {"src", "dst", "sport", "dport", "misc"};
// Limits the classes. With more of them, a table with any field but the smallest would be too large.
constexpr std::size_t kClassesMost = 2'000'000;

// Counts cells as packed into elements. On the card a program would need branches to address them.
std::uint64_t elements_of(std::uint64_t cells, bool wide) {
  const std::uint64_t in_element = kElementBytes / (wide ? sizeof(std::uint32_t) : sizeof(std::uint16_t));
  return (cells + in_element - 1) / in_element;
}

// The classes of a field or of a combination of fields. Each has a bit vector, which is stored or computed from the
// classes it was combined from.
struct Classes {
  std::string name;
  std::size_t count = 0;
  std::vector<BitVector> bits;  // of a field
  const Classes* left = nullptr;
  const Classes* right = nullptr;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> from;

  void write(std::size_t number, BitVector& to) const {
    if (left == nullptr) {
      to = bits[number];
      return;
    }
    left->write(from[number].first, to);
    BitVector other(to.size());
    right->write(from[number].second, other);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] &= other[i];
  }
};

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

// Assigns numbers from 0 on by hash.
class Numbers {
 public:
  // Returns the number of a hash, and whether it is new.
  std::pair<std::uint32_t, bool> find_or_add(const Hash128& hash) {
    if (2 * count_ >= places_.size()) grow();
    Place& place = places_[find(hash)];
    const bool is_new = place.number == kNone;
    if (is_new) place = {hash, count_++};
    return {place.number, is_new};
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Place {
    Hash128 hash;
    std::uint32_t number = kNone;
  };

  std::size_t find(const Hash128& hash) const {
    std::size_t at = (hash.low ^ hash.high) & (places_.size() - 1);
    while (places_[at].number != kNone && places_[at].hash != hash) at = (at + 1) & (places_.size() - 1);
    return at;
  }
  void grow() {
    std::vector<Place> old(places_.size() * 2);
    old.swap(places_);
    for (const Place& place : old) {
      if (place.number != kNone) places_[find(place.hash)] = place;
    }
  }

  std::vector<Place> places_ = std::vector<Place>(1024);
  std::uint32_t count_ = 0;
};

// Identifies bit vectors by NH (RFC 4418) with 128 bits, so that the vectors need not be kept. Two in 2^64 vectors
// collide.
class RowHash {
 public:
  explicit RowHash(std::size_t words) : keys_(words + words % 2) {
    std::mt19937_64 random(1);
    for (std::uint64_t& key : keys_) key = random();
  }
  // Returns the hash of the bits that both vectors have.
  Hash128 of_both(const BitVector& a, const BitVector& b) const {
    Uint128 sum = 0;
    std::size_t i = 0;
    for (; i + 1 < a.size(); i += 2) {
      sum += static_cast<Uint128>((a[i] & b[i]) + keys_[i]) * ((a[i + 1] & b[i + 1]) + keys_[i + 1]);
    }
    if (i < a.size()) sum += static_cast<Uint128>((a[i] & b[i]) + keys_[i]) * keys_[i + 1];
    return {static_cast<std::uint64_t>(sum), static_cast<std::uint64_t>(sum >> 64U)};
  }

 private:
  std::vector<std::uint64_t> keys_;
};

// A table, and the classes that it returns.
struct Table {
  std::string name;
  Classes classes;
  std::size_t width = 0;  // cells in a row
  std::vector<std::uint16_t> narrow;
  std::vector<std::uint32_t> wide;  // used if classes do not fit into 16 bits

  std::uint64_t elements() const { return elements_of(narrow.size() + wide.size(), !wide.empty()); }
  std::uint32_t at(std::size_t row, std::size_t column) const {
    const std::size_t cell = row * width + column;
    return wide.empty() ? narrow[cell] : wide[cell];
  }
};

// The pair combined at each step: 0 to 4 are the fields, 5 and above are results of earlier steps.
using Order = std::array<std::array<std::size_t, 2>, kTables>;
constexpr std::size_t kSmallestFirst = ~std::size_t{0};

struct Phase0 {
  std::vector<interval_node> nodes;
  std::array<std::uint32_t, kFields> roots{};
  std::array<Classes, kFields> classes;
  std::size_t words = 0;
};

// Adds the classes of one field from its changes.
void add_field(Phase0& phase, std::size_t field, const BitVectors& vectors, const std::vector<VectorChange>& changes) {
  Classes& classes = phase.classes[field];
  classes.name = kFieldNames[field];
  std::map<std::uint32_t, std::uint32_t> numbers;
  std::vector<TreeRange> ranges;
  for (const VectorChange& change : changes) {
    const auto [found, is_new] = numbers.try_emplace(change.vector, static_cast<std::uint32_t>(classes.bits.size()));
    if (is_new) classes.bits.push_back(vectors.vectors()[change.vector]);
    ranges.push_back({static_cast<std::uint64_t>(change.key), INTERVAL_LEAF | found->second});
  }
  classes.count = classes.bits.size();
  phase.roots[field] = build_range_tree(ranges, phase.nodes);
}

std::vector<VectorChange> misc_changes(BitVectors& vectors, const RuleSet& set) {
  std::array<bool, 256> named{};
  named[6] = named[17] = true;
  for (const MatchRow& row : set.rows) {
    for (std::size_t protocol = 0; row.protocols && protocol < named.size(); ++protocol) {
      if (row.protocols->test(protocol)) named[protocol] = true;
    }
  }
  std::map<std::uint32_t, std::uint32_t> unnamed;  // vector by the rest of the key
  std::vector<VectorChange> changes;
  for (std::uint32_t key = 0; key < 1U << FACT_KEY_BITS;) {
    const std::uint32_t protocol = key >> FACT_PROTOCOL_SHIFT;
    const std::uint32_t rest = key & ((1U << FACT_PROTOCOL_SHIFT) - 1);
    const auto known = unnamed.find(rest);
    std::uint32_t vector = 0;
    if (!named[protocol] && known != unnamed.end()) {
      vector = known->second;
    } else {
      BitVector bits = vectors.none();
      for (std::size_t i = 0; i < set.rows.size(); ++i) {
        if (set.rows[i].accepts_misc(key)) bits[i / 64] |= std::uint64_t{1} << i % 64;
      }
      vector = vectors.find_or_add(bits);
      if (!named[protocol]) unnamed[rest] = vector;
    }
    changes.push_back({key, vector});
    key += protocol == 6 && (rest & FACT_NO_HEADER) == 0 ? 1U : 1U << FACT_STATE_SHIFT;
  }
  return changes;
}

Phase0 phase0(const RuleSet& set) {
  constexpr Uint128 kLastPort = 0xffff;
  const std::size_t count = set.rows.size();
  const auto ports = [](const std::optional<KeyRanges>& ranges) {
    return ranges ? *ranges : KeyRanges{{0, kLastPort}};
  };
  const std::array<std::function<KeyRanges(std::size_t)>, 4> ranges = {
      [&](std::size_t i) { return set.rows[i].source.ipv4; },
      [&](std::size_t i) { return set.rows[i].destination.ipv4; },
      [&](std::size_t i) { return ports(set.rows[i].source_ports); },
      [&](std::size_t i) { return ports(set.rows[i].destination_ports); }};
  Phase0 phase;
  for (std::size_t field = 0; field < kFields; ++field) {
    BitVectors vectors(count);
    phase.words = vectors.width();
    const auto changes = field < 4 ? classify(vectors, count, ranges[field], field < 2 ? kLastIpv4 : kLastPort)
                                   : misc_changes(vectors, set);
    add_field(phase, field, vectors, changes);
  }
  return phase;
}

constexpr std::uint32_t kLast = 0xffff;  // a cell of the last table where no rule matches

std::uint32_t first_of_both(const BitVector& a, const BitVector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (const std::uint64_t both = a[i] & b[i]; both != 0) {
      return static_cast<std::uint32_t>(i * 64) + static_cast<std::uint32_t>(std::countr_zero(both));
    }
  }
  return kLast;
}

// Makes tables. Several orders can share a table.
class Combiner {
 public:
  explicit Combiner(std::size_t words) : words_(words), hash_(words) {}

  // Combines two classes, once for each pair. `last`: cells are rules, not classes. Both arguments must stay at their
  // addresses.
  std::shared_ptr<const Table> combine(const Classes& rows, const Classes& columns, bool last) {
    const std::string name = rows.name + " x " + columns.name;
    if (const auto known = tables_.find(name); known != tables_.end()) return known->second;
    if (const auto known = failures_.find(name); known != failures_.end()) throw known->second;
    try {
      return tables_[name] = make(rows, columns, name, last);
    } catch (const TooLarge& error) {
      failures_.emplace(name, error);
      tables_.erase(name);
      throw;
    }
  }

 private:
  std::shared_ptr<const Table> make(const Classes& rows, const Classes& columns, const std::string& name, bool last) {
    const std::uint64_t count = std::uint64_t{rows.count} * columns.count;
    check(rows, columns, name, false);
    auto table = std::make_shared<Table>();
    table->name = name;
    table->width = columns.count;
    Classes& classes = table->classes;
    classes.name = "(" + name + ")";
    classes.left = &rows;
    classes.right = &columns;
    std::vector<BitVector> columns_bits(columns.count, BitVector(words_));
    for (std::size_t column = 0; column < columns.count; ++column) columns.write(column, columns_bits[column]);
    Numbers numbers;
    std::vector<std::uint32_t> cells;
    cells.reserve(count);
    BitVector row(words_);
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      rows.write(i, row);
      for (std::uint32_t column = 0; column < columns.count; ++column) {
        if (last) {
          cells.push_back(first_of_both(row, columns_bits[column]));
          continue;
        }
        const auto [number, is_new] = numbers.find_or_add(hash_.of_both(row, columns_bits[column]));
        if (is_new) {
          classes.from.emplace_back(i, column);
          if (classes.from.size() == kLast) check(rows, columns, name, true);
          if (classes.from.size() > kClassesMost) {
            throw TooLarge(kMostElements, "the table " + name + " gives more than " + std::to_string(kClassesMost) +
                                              " classes (stopped at cell " + std::to_string(cells.size()) + " of " +
                                              std::to_string(count) + ")");
          }
        }
        cells.push_back(number);
      }
    }
    classes.count = classes.from.size();
    if (last || classes.count < kLast) {
      table->narrow.assign(cells.begin(), cells.end());
    } else {
      table->wide = std::move(cells);
    }
    return table;
  }

  static void check(const Classes& rows, const Classes& columns, const std::string& name, bool wide) {
    const std::uint64_t elements = elements_of(std::uint64_t{rows.count} * columns.count, wide);
    if (elements > kMostElements) {
      throw TooLarge(elements, "the table " + name + " has " + std::to_string(rows.count) + " x " +
                                   std::to_string(columns.count) + " cells of " + (wide ? "4" : "2") + " bytes, " +
                                   std::to_string(elements) + " elements");
    }
  }

  std::size_t words_;
  RowHash hash_;
  std::map<std::string, std::shared_ptr<const Table>> tables_;
  std::map<std::string, TooLarge> failures_;
};

class CombiningTables : public Walked<CombiningTables> {
 public:
  CombiningTables(const Phase0& phase, Combiner& combiner, const Order& order)
      : nodes_(phase.nodes), roots_(phase.roots), elements_(nodes_.size()) {
    std::array<const Classes*, kFields + kTables> classes{};
    for (std::size_t i = 0; i < kFields; ++i) classes[i] = &phase.classes[i];
    for (std::size_t step = 0; step < kTables; ++step) {
      auto [left, right] = order[step];
      if (left == kSmallestFirst) std::tie(left, right) = smallest(classes, kFields + step);
      if (classes[left]->count < classes[right]->count) std::swap(left, right);
      const auto table = combiner.combine(*classes[left], *classes[right], step + 1 == kTables);
      steps_[step] = {left, right, table};
      elements_ += table->elements();
      if (elements_ > kMostElements) throw TooLarge(elements_, "the tables up to " + table->name);
      details_ += "; " + table->name + " = " + std::to_string(classes[left]->count) + " x " +
                  std::to_string(classes[right]->count) + " cells";
      classes[kFields + step] = &table->classes;
      classes[left] = classes[right] = nullptr;
    }
  }

  Size size() const override {
    Size made;
    made.elements = elements_;
    for (const std::uint32_t root : roots_) made.lookups_most += depth(nodes_, root);
    made.lookups_most += kTables;
    made.details = std::to_string(nodes_.size()) + " nodes" + details_;
    return made;
  }

  template <class Count>
  std::uint32_t walk(const Packet& p, Count& count) const {
    const std::array<std::uint32_t, kFields> keys = {p.source, p.destination, p.source_port, p.destination_port,
                                                     p.misc};
    std::array<std::uint32_t, kFields + kTables> classes{};
    for (std::size_t i = 0; i < kFields; ++i) classes[i] = search(nodes_, roots_[i], keys[i], count);
    for (std::size_t i = 0; i < kTables; ++i) {
      ++count;
      classes[kFields + i] = steps_[i].table->at(classes[steps_[i].left], classes[steps_[i].right]);
    }
    return classes.back() == kLast ? kNoRule : classes.back();
  }

 private:
  struct Step {
    std::size_t left = 0;  // numbers of fields, then of tables
    std::size_t right = 0;
    std::shared_ptr<const Table> table;
  };

  // Returns the pair with the fewest cells among those that are left.
  static std::pair<std::size_t, std::size_t> smallest(const std::array<const Classes*, kFields + kTables>& classes,
                                                      std::size_t end) {
    std::pair<std::size_t, std::size_t> best{end, end};
    std::uint64_t least = ~std::uint64_t{0};
    for (std::size_t a = 0; a < end; ++a) {
      for (std::size_t b = a + 1; b < end; ++b) {
        if (classes[a] == nullptr || classes[b] == nullptr) continue;
        if (const std::uint64_t cells = std::uint64_t{classes[a]->count} * classes[b]->count; cells < least) {
          least = cells;
          best = {a, b};
        }
      }
    }
    return best;
  }

  std::vector<interval_node> nodes_;
  std::array<std::uint32_t, kFields> roots_;
  std::array<Step, kTables> steps_;
  std::uint64_t elements_ = 0;
  std::string details_;
};

}  // namespace

std::unique_ptr<Classifier> combining_tables(const RuleSet& set) {
  enum : std::size_t { kSource, kDestination, kSourcePort, kDestinationPort, kMisc, kFirst, kSecond, kThird };
  constexpr Order kOrders[] = {
      {{{kSource, kDestination}, {kSourcePort, kDestinationPort}, {kSecond, kMisc}, {kFirst, kThird}}},
      {{{kSource, kDestination}, {kFirst, kMisc}, {kSecond, kDestinationPort}, {kThird, kSourcePort}}},
      {{{kSource, kDestination}, {kDestinationPort, kMisc}, {kFirst, kSecond}, {kThird, kSourcePort}}},
      {{{kSource, kSourcePort}, {kDestination, kDestinationPort}, {kFirst, kMisc}, {kThird, kSecond}}},
      {{{kSource, kMisc}, {kDestination, kDestinationPort}, {kFirst, kSourcePort}, {kThird, kSecond}}},
      {{{kSmallestFirst, 0}, {kSmallestFirst, 0}, {kSmallestFirst, 0}, {kSmallestFirst, 0}}}};
  const Phase0 phase = phase0(set);
  Combiner combiner(phase.words);
  std::unique_ptr<Classifier> best;
  std::uint64_t least = ~std::uint64_t{0};
  std::set<std::string> failures;
  for (const Order& order : kOrders) {
    try {
      auto made = std::make_unique<CombiningTables>(phase, combiner, order);
      if (!best || made->size().elements < best->size().elements) best = std::move(made);
    } catch (const TooLarge& error) {
      least = std::min(least, error.elements);
      failures.insert(error.what());
    }
  }
  if (best) return best;
  std::string all;
  for (const std::string& failure : failures) all += (all.empty() ? "" : "; ") + failure;
  throw TooLarge(least, "in 6 orders: " + all);
}

}  // namespace nicsentry::bench
