// SPDX-License-Identifier: GPL-2.0-or-later
// A decision tree as in HyperCuts (Singh, Baboescu, Varghese and Wang, 2003). A node cuts its box into equal parts in
// up to three fields. An element holds seven children, so that a level is one lookup. A leaf is its rules in order, two
// in an element; equal leaves are shared. If all rules of a node lie in a smaller box, the node cuts that box. Rules
// that an earlier one hides within the box are left out. decision_trees() builds a tree for each kind of rule, wide or
// narrow in either address (EffiCuts: Vamanan, Voskuilen and Vijaykumar, 2010). This copies fewer rules, but a packet
// searches all trees.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <optional>

#include "classifier.h"

namespace nicsentry::bench {
namespace {

enum Field : std::uint8_t { kSource, kDestination, kSourcePort, kDestinationPort, kProtocol, kState, kFields };
constexpr std::array<std::uint8_t, kFields> kBits = {32, 32, 16, 16, 8, 2};
constexpr std::size_t kCutFields = 3;
constexpr std::size_t kChildrenInElement = 7;
constexpr std::size_t kRulesInElement = 2;

std::uint32_t value_of(const Packet& p, unsigned field) {
  switch (field) {
    case kSource:
      return p.source;
    case kDestination:
      return p.destination;
    case kSourcePort:
      return p.source_port;
    case kDestinationPort:
      return p.destination_port;
    case kProtocol:
      return p.protocol();
    default:
      return p.state();
  }
}

struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  auto operator<=>(const Range&) const = default;
};
using Box = std::array<Range, kFields>;

Box box_of(const RuleEntry& rule) {
  Box box;
  box[kSource] = {rule.source, rule.source | ~mask_of(rule.source_length)};
  box[kDestination] = {rule.destination, rule.destination | ~mask_of(rule.destination_length)};
  box[kSourcePort] = {rule.source_ports[0], rule.source_ports[1]};
  box[kDestinationPort] = {rule.destination_ports[0], rule.destination_ports[1]};
  box[kProtocol] = rule.any_protocol() ? Range{0, 255} : Range{rule.protocol, rule.protocol};
  box[kState] = rule.any_state() ? Range{0, 3} : Range{rule.state(), rule.state()};
  return box;
}

// 64 bits in a map: field, shift and bits of three cuts, or a leaf; and an index.
struct Child {
  struct Cut {
    std::uint8_t field = 0;
    std::uint8_t shift = 0;
    std::uint8_t bits = 0;
  };
  std::array<Cut, kCutFields> cuts{};
  std::uint16_t rules = 0;  // of a leaf
  bool leaf = true;
  std::uint32_t first = 0;  // child or rule
};

struct Limits {
  std::size_t leaf = 0;  // rules in a leaf (binth)
  double space = 0;      // the children of a node with n rules have at most space x n rules (spfac)
  unsigned wide = 0;     // prefixes shorter than this are wide; 0: one tree
  std::string text() const {
    return "leaves of " + std::to_string(leaf) + ", space factor " + std::to_string(static_cast<int>(space)) +
           (wide == 0 ? "" : ", wide below /" + std::to_string(wide));
  }
};

class Trees : public Walked<Trees> {
 public:
  Trees(const RuleSet& set, const Limits& limits) : entries_(set.entries), limits_(limits) {
    for (const RuleEntry& entry : entries_) boxes_.push_back(box_of(entry));
    std::array<std::vector<std::uint16_t>, 4> groups;
    for (const RuleEntry& entry : entries_) {
      const unsigned group =
          (entry.source_length < limits.wide ? 1U : 0U) + (entry.destination_length < limits.wide ? 2U : 0U);
      groups[group].push_back(entry.rule);
    }
    for (const auto& group : groups) {
      if (group.empty()) continue;
      const double share = static_cast<double>(group.size()) / static_cast<double>(entries_.size());
      Box whole;
      for (unsigned field = 0; field < kFields; ++field) {
        whole[field] = {0, static_cast<std::uint32_t>((std::uint64_t{1} << kBits[field]) - 1)};
      }
      deepest_ = 0;
      const Child root = make(group, whole, 1, share);
      roots_.push_back({root, group.front()});
      lookups_most_ += deepest_;
    }
    std::sort(roots_.begin(), roots_.end(), [](const Root& a, const Root& b) { return a.first < b.first; });
    leaves_known_.clear();
  }

  Size size() const override {
    Size made;
    made.elements = elements();
    made.lookups_most = lookups_most_;
    made.details = limits_.text() + "; " + std::to_string(nodes_) + " nodes, " + std::to_string(leaves_) +
                   " leaves with " + std::to_string(copies_) + " rules, " + std::to_string(roots_.size()) + " trees";
    return made;
  }

  template <class Count>
  std::uint32_t walk(const Packet& p, Count& count) const {
    std::uint32_t best = kNoRule;
    for (const Root& root : roots_) {
      if (root.first > best) break;
      const Child* node = &root.node;
      while (!node->leaf) {
        std::uint32_t index = 0;
        for (const Child::Cut& cut : node->cuts) {
          index = index << cut.bits | (value_of(p, cut.field) >> cut.shift & ((1U << cut.bits) - 1));
        }
        ++count;
        node = &children_[node->first + index];
      }
      for (std::size_t i = 0; i < node->rules; ++i) {
        if (i % kRulesInElement == 0) ++count;
        const RuleEntry& rule = rules_[node->first + i];
        if (rule.rule >= best) break;
        if (rule.matches(p)) {
          best = rule.rule;
          break;
        }
      }
    }
    return best;
  }

 private:
  using Rules = std::vector<std::uint16_t>;

  struct Root {
    Child node;
    std::uint16_t first = 0;  // rule
  };

  std::uint64_t elements() const {
    return children_.size() / kChildrenInElement + (rules_.size() + kRulesInElement - 1) / kRulesInElement;
  }

  void check() const {
    if (elements() <= kMostElements) return;
    // Boxes are processed in order, so this extrapolation is only an estimate.
    const double whole = static_cast<double>(elements()) / std::max(done_, 1e-9);
    throw TooLarge(static_cast<std::uint64_t>(whole), limits_.text() + ": stopped at " + std::to_string(elements()) +
                                                          " elements with " + std::to_string(done_ * 100) +
                                                          " % of the cuts made");
  }

  bool covers(const Box& outer, const Box& inner, const Box& within) const {
    for (unsigned field = 0; field < kFields; ++field) {
      if (outer[field].first > std::max(inner[field].first, within[field].first) ||
          outer[field].last < std::min(inner[field].last, within[field].last)) {
        return false;
      }
    }
    return true;
  }
  // Returns whether each packet of the box that matches `inner` also matches `outer`. Ports and flags have conditions
  // other than ranges.
  bool hides(std::uint16_t outer, std::uint16_t inner, const Box& within) const {
    const RuleEntry& a = entries_[outer];
    const RuleEntry& b = entries_[inner];
    const bool flags = a.flags_mask == 0 || (a.flags_mask == b.flags_mask && a.flags_value == b.flags_value);
    return flags && (!a.asks_ports() || b.asks_ports()) && covers(boxes_[outer], boxes_[inner], within);
  }

  Rules without_hidden(const Rules& rules, const Box& box) const {
    constexpr std::size_t kCompared = 64;  // limits the rules that each is compared with
    Rules kept;
    for (const std::uint16_t rule : rules) {
      const std::size_t end = std::min(kept.size(), kCompared);
      const bool hidden = std::any_of(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(end),
                                      [&](std::uint16_t other) { return hides(other, rule, box); });
      if (!hidden) kept.push_back(rule);
    }
    return kept;
  }

  Child make_leaf(const Rules& rules, unsigned level) {
    deepest_ = std::max(deepest_, level - 1 + (rules.size() + kRulesInElement - 1) / kRulesInElement);
    ++leaves_;
    copies_ += rules.size();
    Child node;
    node.rules = static_cast<std::uint16_t>(rules.size());
    const auto [found, is_new] = leaves_known_.try_emplace(rules, static_cast<std::uint32_t>(rules_.size()));
    node.first = found->second;
    if (is_new) {
      for (const std::uint16_t rule : rules) rules_.push_back(entries_[rule]);
      if (rules_.size() % kRulesInElement != 0) rules_.push_back({});
      check();
    }
    return node;
  }

  // Shrinks the box to the smallest one, with sides of a power of two, that contains all rules of the node.
  void shrink(const Rules& rules, Box& box) const {
    for (unsigned field = 0; field < kFields; ++field) {
      std::uint32_t first = box[field].last;
      std::uint32_t last = box[field].first;
      for (const std::uint16_t rule : rules) {
        first = std::min(first, std::max(boxes_[rule][field].first, box[field].first));
        last = std::max(last, std::min(boxes_[rule][field].last, box[field].last));
      }
      const auto bits = static_cast<unsigned>(std::bit_width(first ^ last));
      const std::uint32_t low = bits == 32 ? ~0U : (1U << bits) - 1;
      box[field] = {first & ~low, first | low};
    }
  }

  struct Cuts {
    std::array<std::uint8_t, kFields> bits{};
    std::size_t parts() const {
      unsigned sum = 0;
      for (const std::uint8_t b : bits) sum += b;
      return std::size_t{1} << sum;
    }
  };

  static unsigned width(const Range& range) { return static_cast<unsigned>(std::bit_width(range.first ^ range.last)); }

  // Returns the first and last part of a field that a rule lies in.
  Range parts_of(std::uint16_t rule, unsigned field, const Box& box, unsigned bits) const {
    const unsigned shift = width(box[field]) - bits;
    const std::uint32_t first = std::max(boxes_[rule][field].first, box[field].first) - box[field].first;
    const std::uint32_t last = std::min(boxes_[rule][field].last, box[field].last) - box[field].first;
    return {static_cast<std::uint32_t>(std::uint64_t{first} >> shift),
            static_cast<std::uint32_t>(std::uint64_t{last} >> shift)};
  }

  // Returns the sum of the rules of all parts.
  std::uint64_t copies(const Rules& rules, const Box& box, const Cuts& cuts) const {
    std::uint64_t sum = 0;
    for (const std::uint16_t rule : rules) {
      std::uint64_t parts = 1;
      for (unsigned field = 0; field < kFields; ++field) {
        if (cuts.bits[field] == 0) continue;
        const Range range = parts_of(rule, field, box, cuts.bits[field]);
        parts *= range.last - range.first + 1;
      }
      sum += parts;
    }
    return sum;
  }

  // Returns the fields with more different ranges than the average, in descending order.
  std::vector<unsigned> fields_to_cut(const Rules& rules, const Box& box) const {
    std::vector<std::pair<std::size_t, unsigned>> found;
    std::size_t sum = 0;
    for (unsigned field = 0; field < kFields; ++field) {
      if (width(box[field]) == 0) continue;
      std::vector<Range> ranges;
      for (const std::uint16_t rule : rules) {
        ranges.push_back({std::max(boxes_[rule][field].first, box[field].first),
                          std::min(boxes_[rule][field].last, box[field].last)});
      }
      std::sort(ranges.begin(), ranges.end());
      const auto different = static_cast<std::size_t>(std::unique(ranges.begin(), ranges.end()) - ranges.begin());
      if (different > 1) {
        found.emplace_back(different, field);
        sum += different;
      }
    }
    std::sort(found.rbegin(), found.rend());
    std::vector<unsigned> fields;
    for (const auto& [different, field] : found) {
      if (different * found.size() >= sum && fields.size() < kCutFields) fields.push_back(field);
    }
    return fields;
  }

  // Doubles the parts of the field that copies the fewest rules while there is room.
  Cuts choose(const Rules& rules, const Box& box) const {
    const std::vector<unsigned> fields = fields_to_cut(rules, box);
    const auto n = static_cast<double>(rules.size());
    constexpr std::size_t kPartsMost = 4096;
    const auto parts_most = std::min(kPartsMost, static_cast<std::size_t>(std::max(4.0, limits_.space * std::sqrt(n))));
    Cuts cuts;
    while (cuts.parts() * 2 <= parts_most) {
      std::optional<Cuts> best;
      std::uint64_t least = 0;
      for (const unsigned field : fields) {
        if (cuts.bits[field] == width(box[field])) continue;
        Cuts more = cuts;
        ++more.bits[field];
        if (const std::uint64_t sum = copies(rules, box, more); !best || sum < least) {
          best = more;
          least = sum;
        }
      }
      const bool room = static_cast<double>(least) + static_cast<double>(cuts.parts() * 2) <= limits_.space * n;
      // A node needs at least one cut.
      if (!best || (!room && cuts.parts() > 1)) break;
      cuts = *best;
    }
    return cuts;
  }

  Child make(const Rules& given, Box box, unsigned level, double share) {
    const Rules rules = without_hidden(given, box);
    if (rules.size() > limits_.leaf) {
      shrink(rules, box);
      const Cuts cuts = choose(rules, box);
      if (cuts.parts() > 1) return make_node(rules, box, cuts, level, share);
    }
    done_ += share;
    return make_leaf(rules, level);
  }

  Child make_node(const Rules& rules, const Box& box, const Cuts& cuts, unsigned level, double share) {
    ++nodes_;
    Child node;
    node.leaf = false;
    std::size_t used = 0;
    for (unsigned field = 0; field < kFields; ++field) {
      if (cuts.bits[field] == 0) continue;
      node.cuts[used++] = {static_cast<std::uint8_t>(field),
                           static_cast<std::uint8_t>(width(box[field]) - cuts.bits[field]), cuts.bits[field]};
    }
    const std::size_t parts = cuts.parts();
    std::vector<Rules> of_part(parts);
    std::vector<std::size_t> places;
    for (const std::uint16_t rule : rules) {
      places.assign(1, 0);
      for (std::size_t i = 0; i < used; ++i) {
        const Range range = parts_of(rule, node.cuts[i].field, box, node.cuts[i].bits);
        std::vector<std::size_t> finer;
        for (const std::size_t place : places) {
          for (std::size_t part = range.first; part <= range.last; ++part) {
            finer.push_back(place << node.cuts[i].bits | part);
          }
        }
        places.swap(finer);
      }
      for (const std::size_t place : places) of_part[place].push_back(rule);
    }
    node.first = static_cast<std::uint32_t>(children_.size());
    children_.resize(children_.size() + (parts + kChildrenInElement - 1) / kChildrenInElement * kChildrenInElement);
    check();
    for (std::size_t part = 0; part < parts; ++part) {
      Box inner = box;
      std::size_t rest = part;
      for (std::size_t i = used; i-- > 0;) {
        const Child::Cut& cut = node.cuts[i];
        const auto number = static_cast<std::uint32_t>(rest & ((1U << cut.bits) - 1));
        rest >>= cut.bits;
        inner[cut.field].first = box[cut.field].first + (number << cut.shift);
        inner[cut.field].last = inner[cut.field].first + ((1U << cut.shift) - 1);
      }
      const Child child = make(of_part[part], inner, level + 1, share / static_cast<double>(parts));
      children_[node.first + part] = child;
      of_part[part] = {};
    }
    return node;
  }

  const std::vector<RuleEntry>& entries_;
  Limits limits_;
  std::vector<Box> boxes_;
  std::vector<Root> roots_;
  std::vector<Child> children_;
  std::vector<RuleEntry> rules_;
  std::map<Rules, std::uint32_t> leaves_known_;
  std::size_t nodes_ = 0;
  std::size_t leaves_ = 0;
  std::size_t copies_ = 0;
  std::uint64_t lookups_most_ = 0;
  std::size_t deepest_ = 0;
  double done_ = 0;
};

// Returns the smallest tree that can be built.
std::unique_ptr<Classifier> best_of(const RuleSet& set, const std::vector<Limits>& all) {
  std::unique_ptr<Classifier> best;
  std::optional<TooLarge> failure;
  for (const Limits& limits : all) {
    try {
      auto made = std::make_unique<Trees>(set, limits);
      if (!best || made->size().elements < best->size().elements) best = std::move(made);
    } catch (const TooLarge& error) {
      if (!failure || error.elements < failure->elements) failure = error;
    }
  }
  if (!best) throw TooLarge(failure->elements, failure->what());
  return best;
}

}  // namespace

std::unique_ptr<Classifier> decision_tree(const RuleSet& set) { return best_of(set, {{16, 2, 0}, {32, 2, 0}}); }

std::unique_ptr<Classifier> decision_trees(const RuleSet& set) {
  return best_of(set, {{16, 2, 8}, {32, 2, 8}, {32, 2, 16}});
}

}  // namespace nicsentry::bench
