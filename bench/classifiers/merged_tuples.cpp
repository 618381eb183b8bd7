// SPDX-License-Identifier: GPL-2.0-or-later
// Tuple space search (Srinivasan, Suri and Varghese, 1999) in cuckoo arrays. A tuple is the part of each field by which
// its rules are looked up: prefix lengths, and whether each port and the protocol is one value. Tuples are merged by
// looking their rules up with shorter keys. Of the rules with the same key, the first is in the bucket. The others
// follow in order, two in an element. A rule that is found is compared in full.
#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "classifier.h"

namespace nicsentry::bench {
namespace {

constexpr std::uint16_t kNone = 0xffff;
constexpr std::size_t kTuplesInElement = 4;  // 14 bytes: lengths, ports used, first rule
// With more initial tuples than this, prefix lengths are rounded down to even ones, because merging takes n^2 steps.
constexpr std::size_t kTuplesAtStart = 1200;

struct Key {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint32_t ports = 0;
  std::uint32_t protocol = 0;

  auto operator<=>(const Key&) const = default;
};

struct Shape {
  std::uint8_t source_length = 0;
  std::uint8_t destination_length = 0;
  bool source_port = false;
  bool destination_port = false;
  bool protocol = false;

  auto operator<=>(const Shape&) const = default;

  Key key(std::uint32_t source, std::uint32_t destination, std::uint16_t sport, std::uint16_t dport,
          std::uint8_t proto) const {
    return {source & mask_of(source_length), destination & mask_of(destination_length),
            (source_port ? std::uint32_t{sport} << 16U : 0U) | (destination_port ? dport : 0U), protocol ? proto : 0U};
  }
  Key key(const Packet& p) const {
    return key(p.source, p.destination, p.source_port, p.destination_port, p.protocol());
  }
  Key key(const RuleEntry& rule) const {
    return key(rule.source, rule.destination, rule.source_ports[0], rule.destination_ports[0], rule.protocol);
  }
};

Shape shape_of(const RuleEntry& rule, unsigned granularity) {
  const auto rounded = [granularity](std::uint8_t length) {
    return static_cast<std::uint8_t>(length / granularity * granularity);
  };
  return {rounded(rule.source_length), rounded(rule.destination_length), rule.source_ports[0] == rule.source_ports[1],
          rule.destination_ports[0] == rule.destination_ports[1], !rule.any_protocol()};
}

Shape common(const Shape& a, const Shape& b) {
  return {std::min(a.source_length, b.source_length), std::min(a.destination_length, b.destination_length),
          a.source_port && b.source_port, a.destination_port && b.destination_port, a.protocol && b.protocol};
}

std::uint64_t mix(const Key& key, std::uint64_t salt) {
  std::uint64_t hash = (std::uint64_t{key.source} << 32U | key.destination) * 0x9e3779b97f4a7c15U;
  hash ^= hash >> 32U;
  hash = (hash ^ (std::uint64_t{key.ports} << 32U | key.protocol) ^ salt) * 0xd6e8feb86659fd93U;
  hash ^= hash >> 32U;
  return hash * 0xd6e8feb86659fd93U;
}

struct Tuple {
  Shape shape;
  std::vector<std::uint16_t> rules;
  std::size_t most = 1;  // rules with one key

  // Returns the lookups for the worst packet, times 4: two buckets, the elements behind one of them, and a quarter of
  // an element of tuples.
  static long cost(std::size_t most) { return 4 * (2 + static_cast<long>(most / 2)) + 1; }
};

class Merger {
 public:
  // A key of a tuple has at most `cap` rules; further rules are left over. Rules of a tuple are left over, too, if the
  // tuple costs more than `cost_of_left` lookups for each of them.
  Merger(const RuleSet& set, std::size_t cap, double cost_of_left) : entries_(set.entries), cap_(cap) {
    make_tuples(1);
    tuples_before_ = tuples_.size();
    if (tuples_.size() > kTuplesAtStart) make_tuples(2);
    for (Tuple& tuple : tuples_) leave_beyond_cap(tuple);
    merge();
    for (Tuple& tuple : tuples_) {
      if (static_cast<double>(Tuple::cost(tuple.most)) / 4 > cost_of_left * static_cast<double>(tuple.rules.size())) {
        left_.insert(left_.end(), tuple.rules.begin(), tuple.rules.end());
        tuple.rules.clear();
      }
    }
    put_in_order();
  }
  std::vector<Tuple>& tuples() { return tuples_; }
  std::size_t tuples_before() const { return tuples_before_; }
  std::vector<std::uint16_t> left() const { return left_; }  // in order

 private:
  struct Count {
    std::uint64_t hash = 0;
    std::uint32_t round = 0;
    std::uint32_t rules = 0;
  };
  struct Partner {
    std::size_t with = 0;
    long gain = 0;
  };

  void make_tuples(unsigned granularity) {
    std::map<Shape, std::vector<std::uint16_t>> rules;
    for (const RuleEntry& entry : entries_) rules[shape_of(entry, granularity)].push_back(entry.rule);
    tuples_.clear();
    for (auto& [shape, numbers] : rules) {
      tuples_.push_back({shape, numbers, 1});
      tuples_.back().most = most(tuples_.back());
    }
  }

  // Returns the most rules with one key if all rules of both tuples are looked up by a shape. Stops at more than
  // `enough`.
  std::size_t most(const Shape& shape, const std::vector<std::uint16_t>& a, const std::vector<std::uint16_t>& b,
                   std::size_t enough) {
    ++round_;
    std::size_t longest = 0;
    for (const auto* rules : {&a, &b}) {
      for (const std::uint16_t rule : *rules) {
        const std::uint64_t hash = mix(shape.key(entries_[rule]), 0);
        std::size_t at = hash >> kCountBits;
        while (counts_[at].round == round_ && counts_[at].hash != hash) at = (at + 1) % counts_.size();
        Count& count = counts_[at];
        if (count.round != round_) count = {hash, round_, 0};
        longest = std::max(longest, std::size_t{++count.rules});
        if (longest > enough) return longest;
      }
    }
    return longest;
  }
  std::size_t most(const Tuple& tuple) { return most(tuple.shape, tuple.rules, {}, tuple.rules.size()); }

  // Returns the gain of merging two tuples, if it exceeds `least`.
  long gain(std::size_t a, std::size_t b, long least) {
    const long apart = Tuple::cost(tuples_[a].most) + Tuple::cost(tuples_[b].most);
    // With equal gains, prefer fewer rules with one key: more tuples can be merged later.
    constexpr long kScale = 10'000;
    const long room = (apart - Tuple::cost(0) - least / kScale) / 4;
    const std::size_t enough = std::min(cap_, static_cast<std::size_t>(std::max(0L, 2 * room + 1)));
    if (std::max(tuples_[a].most, tuples_[b].most) > enough) return 0;
    const std::size_t together =
        most(common(tuples_[a].shape, tuples_[b].shape), tuples_[a].rules, tuples_[b].rules, enough);
    return together > enough ? 0 : (apart - Tuple::cost(together)) * kScale - static_cast<long>(together);
  }

  Partner best_partner(std::size_t tuple) {
    Partner best{tuple, 0};
    for (std::size_t other = 0; other < tuple; ++other) {
      if (const long won = tuples_[other].rules.empty() ? 0 : gain(tuple, other, best.gain); won > best.gain)
        best = {other, won};
    }
    return best;
  }

  void merge() {
    std::vector<Partner> partners;
    for (std::size_t i = 0; i < tuples_.size(); ++i) partners.push_back(best_partner(i));
    while (true) {
      const auto best = std::max_element(partners.begin(), partners.end(),
                                         [](const Partner& a, const Partner& b) { return a.gain < b.gain; });
      if (best->gain <= 0) break;
      const auto gone = static_cast<std::size_t>(best - partners.begin());
      const std::size_t kept = best->with;
      Tuple& tuple = tuples_[kept];
      tuple.shape = common(tuple.shape, tuples_[gone].shape);
      tuple.rules.insert(tuple.rules.end(), tuples_[gone].rules.begin(), tuples_[gone].rules.end());
      tuple.most = most(tuple);
      tuples_[gone].rules.clear();
      partners[gone] = {gone, 0};
      partners[kept] = best_partner(kept);
      for (std::size_t i = 0; i < tuples_.size(); ++i) {
        if (tuples_[i].rules.empty() || i == kept) continue;
        if (partners[i].gain > 0 && (partners[i].with == gone || partners[i].with == kept)) {
          partners[i] = best_partner(i);
        } else if (i > kept) {
          if (const long won = gain(i, kept, partners[i].gain); won > partners[i].gain) partners[i] = {kept, won};
        }
      }
    }
  }

  void put_in_order() {
    std::erase_if(tuples_, [](const Tuple& tuple) { return tuple.rules.empty(); });
    for (Tuple& tuple : tuples_) std::sort(tuple.rules.begin(), tuple.rules.end());
    std::sort(tuples_.begin(), tuples_.end(),
              [](const Tuple& a, const Tuple& b) { return a.rules.front() < b.rules.front(); });
    std::sort(left_.begin(), left_.end());
  }

  void leave_beyond_cap(Tuple& tuple) {
    if (tuple.most <= cap_) return;
    std::map<Key, std::size_t> counts;
    std::erase_if(tuple.rules, [&](std::uint16_t rule) {
      if (++counts[tuple.shape.key(entries_[rule])] <= cap_) return false;
      left_.push_back(rule);
      return true;
    });
    tuple.most = cap_;
  }

  const std::vector<RuleEntry>& entries_;
  std::vector<Tuple> tuples_;
  std::size_t cap_;
  std::vector<std::uint16_t> left_;
  std::size_t tuples_before_ = 0;
  static constexpr unsigned kCountBits = 64 - 14;
  std::vector<Count> counts_ = std::vector<Count>(std::size_t{1} << (64 - kCountBits));
  std::uint32_t round_ = 0;
};

struct Slot {
  RuleEntry rule;
  std::uint16_t tuple = kNone;
  std::uint16_t next = kNone;  // next element
};
struct Element {
  std::array<Slot, 2> slots;
};
static_assert(sizeof(Element) == kElementBytes);

class MergedTuples : public Walked<MergedTuples> {
 public:
  MergedTuples(const RuleSet& set, Merger& merger) {
    tuples_before_ = merger.tuples_before();
    std::vector<Slot> items;
    for (std::size_t number = 0; number < merger.tuples().size(); ++number) {
      const Tuple& tuple = merger.tuples()[number];
      heads_.push_back({tuple.shape, tuple.rules.front()});
      lookups_most_ += 2 + tuple.most / 2;
      std::map<Key, std::vector<std::uint16_t>> groups;
      for (const std::uint16_t rule : tuple.rules) groups[tuple.shape.key(set.entries[rule])].push_back(rule);
      for (const auto& [key, rules] : groups) items.push_back(make_item(set, number, rules));
    }
    lookups_most_ += (heads_.size() + kTuplesInElement - 1) / kTuplesInElement;
    constexpr double kFill = 0.88;  // two slots in a bucket and two buckets for a key reach 89.7 %
    auto buckets = static_cast<std::size_t>(static_cast<double>(items.size()) / 2 / kFill) + 1;
    while (!place(items, buckets)) buckets += buckets / 50 + 1;
  }

  Size size() const override {
    Size made;
    made.elements = buckets_.size() + behind_.size() + (heads_.size() + kTuplesInElement - 1) / kTuplesInElement;
    made.lookups_most = lookups_most_;
    made.details = std::to_string(tuples_before_) + " tuples merged to " + std::to_string(heads_.size()) + ", " +
                   std::to_string(2 * heads_.size()) + " lookups of buckets; " + std::to_string(buckets_.size()) +
                   " buckets, " + std::to_string(behind_.size()) + " elements behind them";
    return made;
  }

  template <class Count>
  std::uint32_t walk(const Packet& p, Count& count) const {
    std::uint32_t best = kNoRule;
    for (std::size_t number = 0; number < heads_.size(); ++number) {
      const Head& head = heads_[number];
      if (number % kTuplesInElement == 0) ++count;
      if (head.first > best) break;
      const Key key = head.shape.key(p);
      const std::uint64_t hash = mix(key, number + 1);
      if (!look(p, number, head.shape, key, place_of(hash, 0), best, count)) {
        look(p, number, head.shape, key, place_of(hash, 1), best, count);
      }
    }
    return best;
  }

 private:
  struct Head {
    Shape shape;
    std::uint16_t first = 0;
  };

  Slot make_item(const RuleSet& set, std::size_t tuple, const std::vector<std::uint16_t>& rules) {
    Slot item{set.entries[rules[0]], static_cast<std::uint16_t>(tuple), kNone};
    if (rules.size() > 1) item.next = static_cast<std::uint16_t>(behind_.size());
    for (std::size_t i = 1; i < rules.size(); i += 2) {
      Element element;
      for (std::size_t slot = 0; slot < 2 && i + slot < rules.size(); ++slot) {
        element.slots[slot] = {set.entries[rules[i + slot]], static_cast<std::uint16_t>(tuple), kNone};
      }
      if (i + 2 < rules.size()) element.slots[1].next = static_cast<std::uint16_t>(behind_.size() + 1);
      behind_.push_back(element);
    }
    return item;
  }

  std::size_t place_of(std::uint64_t hash, unsigned which) const {
    const std::uint64_t half = which == 0 ? hash >> 32U : hash & 0xffffffffU;
    return static_cast<std::size_t>(half * buckets_.size() >> 32U);
  }

  bool place(const std::vector<Slot>& items, std::size_t buckets) {
    constexpr unsigned kMoves = 500;
    buckets_.assign(buckets, {});
    std::mt19937 random(1);
    for (Slot item : items) {
      bool placed = false;
      for (unsigned move = 0; move < kMoves && !placed; ++move) {
        const std::uint64_t hash = mix(heads_[item.tuple].shape.key(item.rule), item.tuple + 1U);
        for (const unsigned which : {0U, 1U}) {
          for (Slot& slot : buckets_[place_of(hash, which)].slots) {
            if (placed || slot.tuple != kNone) continue;
            slot = item;
            placed = true;
          }
        }
        if (!placed) std::swap(item, buckets_[place_of(hash, random() & 1U)].slots[random() & 1U]);
      }
      if (!placed) return false;
    }
    return true;
  }

  // Returns whether the key is in a bucket.
  template <class Count>
  bool look(const Packet& p, std::size_t tuple, const Shape& shape, const Key& key, std::size_t bucket,
            std::uint32_t& best, Count& count) const {
    ++count;
    for (const Slot& slot : buckets_[bucket].slots) {
      if (slot.tuple != tuple || shape.key(slot.rule) != key) continue;
      if (slot.rule.rule < best && slot.rule.matches(p)) best = slot.rule.rule;
      for (std::uint16_t next = slot.next; next != kNone && slot.rule.rule < best;) {
        ++count;
        const Element& element = behind_[next];
        for (const Slot& other : element.slots) {
          if (other.tuple == kNone || other.rule.rule >= best) return true;
          if (other.rule.matches(p)) {
            best = other.rule.rule;
            return true;
          }
        }
        next = element.slots[1].next;
      }
      return true;
    }
    return false;
  }

  std::vector<Head> heads_;
  std::vector<Element> buckets_;
  std::vector<Element> behind_;
  std::size_t tuples_before_ = 0;
  std::uint64_t lookups_most_ = 0;
};

// Puts rules into tuples if that is cheaper, and the others into bit vectors. A packet searches both.
class TuplesAndVectors : public Classifier {
 public:
  TuplesAndVectors(const RuleSet& set, std::size_t cap, double cost_of_left) {
    Merger merger(set, cap, cost_of_left);
    numbers_ = merger.left();
    if (!merger.tuples().empty()) tuples_ = std::make_unique<MergedTuples>(set, merger);
    if (numbers_.empty()) return;
    RuleSet left;
    left.chain = set.chain;
    left.chain.rules.clear();
    for (const std::uint16_t rule : numbers_) left.chain.rules.push_back(set.chain.rules[rule]);
    rows_ = bit_vectors(left);
  }

  Size size() const override {
    Size made;
    made.details = std::to_string(numbers_.size()) + " rules in bit vectors";
    const auto add = [&made](const Classifier* part) {
      if (part == nullptr) return;
      const Size size = part->size();
      made.elements += size.elements;
      made.lookups_most += size.lookups_most;
      made.details += "; " + size.details;
    };
    add(tuples_.get());
    add(rows_.get());
    return made;
  }

  void find(std::span<const Packet> packets, std::span<std::uint32_t> rules) const override {
    if (tuples_) {
      tuples_->find(packets, rules);
    } else {
      std::fill(rules.begin(), rules.end(), kNoRule);
    }
    if (!rows_) return;
    std::vector<std::uint32_t> others(rules.size());
    rows_->find(packets, others);
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (others[i] != kNoRule) rules[i] = std::min<std::uint32_t>(rules[i], numbers_[others[i]]);
    }
  }
  std::uint32_t lookups(const Packet& packet) const override {
    return (tuples_ ? tuples_->lookups(packet) : 0) + (rows_ ? rows_->lookups(packet) : 0);
  }

 private:
  std::vector<std::uint16_t> numbers_;  // of the rules in bit vectors
  std::unique_ptr<MergedTuples> tuples_;
  std::unique_ptr<Classifier> rows_;
};

constexpr double kNoneLeft = 1e9;

}  // namespace

std::unique_ptr<Classifier> merged_tuples(const RuleSet& set) {
  Merger merger(set, kNone, kNoneLeft);
  return std::make_unique<MergedTuples>(set, merger);
}

std::unique_ptr<Classifier> tuples_and_vectors(const RuleSet& set) {
  // 192 more rules add one chunk for each of five fields.
  constexpr double kCostInVectors = 5.0 / RULES_PER_CHUNK;
  std::unique_ptr<Classifier> best;
  for (const auto& [cap, cost_of_left] : {std::pair<std::size_t, double>{kNone, kNoneLeft},
                                          {2, kCostInVectors},
                                          {8, kCostInVectors},
                                          {kNone, kCostInVectors}}) {
    auto made = std::make_unique<TuplesAndVectors>(set, cap, cost_of_left);
    if (!best || made->size().lookups_most < best->size().lookups_most) best = std::move(made);
  }
  return best;
}

}  // namespace nicsentry::bench
