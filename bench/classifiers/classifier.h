// SPDX-License-Identifier: GPL-2.0-or-later
// Interface of the structures that bench/classifier_alternatives compares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "host/base/error.h"
#include "rule_set.h"

namespace nicsentry::bench {

constexpr std::uint32_t kNoRule = ~std::uint32_t{0};

// The elements of 56 bytes that the card has for all of its maps. Larger structures are not built.
constexpr std::uint64_t kMostElements = 3'072'000;
constexpr std::size_t kElementBytes = 56;

struct Size {
  std::uint64_t elements = 0;      // of 56 bytes; without actions and counters of rules, which are the same for all
  std::uint64_t lookups_most = 0;  // for the worst packet
  std::string details;
};

// Thrown if a structure is too large to be built.
class TooLarge : public Error {
 public:
  TooLarge(std::uint64_t at_least, const std::string& what) : Error(what), elements(at_least) {}
  std::uint64_t elements;  // lower bound of its elements
};

// Finds the number of the first rule that matches, or kNoRule.
class Classifier {
 public:
  Classifier() = default;
  virtual ~Classifier() = default;
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;

  virtual Size size() const = 0;
  virtual void find(std::span<const Packet> packets, std::span<std::uint32_t> rules) const = 0;
  // Returns the number of map elements that a program looks up for the packet.
  virtual std::uint32_t lookups(const Packet& packet) const = 0;
};

// Counts nothing, so that only the search is timed.
struct NoCount {
  NoCount& operator++() { return *this; }
};

// A structure has one search, `std::uint32_t walk(const Packet&, Count&) const`, which increments the count at each
// lookup.
template <class Structure>
class Walked : public Classifier {
 public:
  void find(std::span<const Packet> packets, std::span<std::uint32_t> rules) const final {
    NoCount count;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      rules[i] = static_cast<const Structure&>(*this).walk(packets[i], count);
    }
  }
  std::uint32_t lookups(const Packet& packet) const final {
    std::uint32_t count = 0;
    static_cast<const Structure&>(*this).walk(packet, count);
    return count;
  }
};

// All throw TooLarge.
std::unique_ptr<Classifier> bit_vectors(const RuleSet& set);       // the shipped one
std::unique_ptr<Classifier> combining_tables(const RuleSet& set);  // recursive flow classification
std::unique_ptr<Classifier> merged_tuples(const RuleSet& set);
std::unique_ptr<Classifier> tuples_and_vectors(const RuleSet& set);  // some rules in tuples, the others in bit vectors
std::unique_ptr<Classifier> decision_tree(const RuleSet& set);
std::unique_ptr<Classifier> decision_trees(const RuleSet& set);  // one tree for each width of the rules' addresses

}  // namespace nicsentry::bench
