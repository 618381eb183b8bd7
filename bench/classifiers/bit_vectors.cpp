// SPDX-License-Identifier: GPL-2.0-or-later
// The shipped classifier, bit vectors with aggregation: compiled by host/rules, searched by bpf_offload/rules.h.
#include <array>
#include <bit>

#include "classifier.h"
#include "host/rules/compile/compile.h"
#include "range_search.h"

namespace nicsentry::bench {
namespace {

class BitVectorSearch : public Walked<BitVectorSearch> {
 public:
  explicit BitVectorSearch(const RuleSet& set) {
    CompileInput input;
    input.rules = &set.chain;
    input.place.nodes = kMostElements;
    input.place.bits = kMostElements;
    compiled_ = compile_chain(input);
    const rule_bank& bank = compiled_.tables.banks[0];
    roots_ = {bank.remote.addresses, bank.local.addresses, bank.remote.ports, bank.local.ports, bank.facts_root};
  }

  Size size() const override {
    const RuleTables& tables = compiled_.tables;
    const std::size_t chunks = compiled_.chunks();
    Size made;
    made.elements = tables.nodes.size() + tables.bits.size();
    unsigned steps = 0;
    for (const std::uint32_t root : roots_) steps += depth(tables.nodes, root);
    made.lookups_most = steps + roots_.size() * (1 + chunks);
    made.details = std::to_string(tables.nodes.size()) + " nodes, " + std::to_string(compiled_.row_count()) +
                   " bit vectors of " + std::to_string(chunks + 1) + " chunks, " + std::to_string(steps) +
                   " steps to the vectors (IPv6 trees included)";
    return made;
  }

  template <class Count>
  std::uint32_t walk(const Packet& p, Count& count) const {
    const std::array<std::uint32_t, kFields> keys = {p.source, p.destination, p.source_port, p.destination_port,
                                                     p.misc};
    std::array<std::uint32_t, kFields> vectors{};
    for (std::size_t i = 0; i < kFields; ++i) vectors[i] = search(compiled_.tables.nodes, roots_[i], keys[i], count);
    const std::size_t stride = compiled_.row_count();
    const auto common = [&](std::size_t chunk) {
      rule_chunk all{{~0ULL, ~0ULL, ~0ULL}};
      for (const std::uint32_t vector : vectors) {
        if (vector == 0) continue;
        ++count;
        const rule_chunk& bits = compiled_.tables.bits[chunk * stride + vector];
        for (unsigned word = 0; word < CHUNK_WORDS; ++word) all.bits[word] &= bits.bits[word];
      }
      return all;
    };
    // If all vectors are vector 0, the aggregate names all chunks, as in the program.
    for (auto chunks = static_cast<std::uint32_t>(common(0).bits[0]); chunks != 0; chunks &= chunks - 1) {
      const auto chunk = static_cast<std::uint32_t>(std::countr_zero(chunks));
      if (chunk >= compiled_.chunks()) break;
      const rule_chunk all = common(chunk + 1);
      for (unsigned word = 0; word < CHUNK_WORDS; ++word) {
        if (all.bits[word] == 0) continue;
        const std::uint32_t bit =
            chunk * RULES_PER_CHUNK + word * 64 + static_cast<std::uint32_t>(std::countr_zero(all.bits[word]));
        return bit < compiled_.bit_rules.size() ? compiled_.bit_rules[bit] : kNoRule;
      }
    }
    return kNoRule;
  }

 private:
  static constexpr std::size_t kFields = 5;

  Compiled compiled_;
  std::array<std::uint32_t, kFields> roots_{};
};

}  // namespace

std::unique_ptr<Classifier> bit_vectors(const RuleSet& set) { return std::make_unique<BitVectorSearch>(set); }

}  // namespace nicsentry::bench
