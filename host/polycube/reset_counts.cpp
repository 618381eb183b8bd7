// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/reset_counts.h"

namespace nicsentry::polycube {
namespace {

// A counter that is smaller than before began anew.
rule_counter since(const rule_counter& then, const rule_counter& now) {
  if (now.packets < then.packets || now.bytes < then.bytes) {
    return now;
  }
  rule_counter left{};
  left.packets = now.packets - then.packets;
  left.bytes = now.bytes - then.bytes;
  return left;
}

}  // namespace

void ResetCounts::reset(const Enforcement::ChainView& view) {
  rules_.clear();
  for (std::size_t i = 0; i < view.chain.rules.size(); ++i) {
    rules_[view.chain.rules[i].counter] = view.counts[i];
  }
  default_ = view.by_default;
}

rule_counter ResetCounts::of_rule(const Enforcement::ChainView& view, std::size_t id) const {
  const auto found = rules_.find(view.chain.rules.at(id).counter);
  return found == rules_.end() ? view.counts.at(id) : since(found->second, view.counts.at(id));
}

rule_counter ResetCounts::of_default(const Enforcement::ChainView& view) const {
  return since(default_, view.by_default);
}

}  // namespace nicsentry::polycube
