// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "host/datapath/firewall_maps.h"
#include "host/enforce/installed_chain.h"

namespace nicsentry {

// The rule behind a packet's record: its place in its chain when it decided, and the rule.
struct DecidingRule {
  std::size_t number = 0;
  std::shared_ptr<const Rule> rule;  // never null; also when the rule is out of force
};

// Finds the rule that decided a packet by the action that its record names. Holds its lock for a look-up only. Any
// thread may call.
class DecisionIndex {
 public:
  // The content of the attachment's banks; null: nothing. Kept as long as the attachment lives.
  using Banks = std::array<std::shared_ptr<const InstalledChain>, 2>;
  void set(const std::shared_ptr<FirewallMaps>& attachment, Banks banks);

  // Nothing where no rule decided.
  std::optional<DecidingRule> find(const FirewallMaps* attachment, std::uint32_t action) const;

 private:
  mutable std::mutex mutex_;
  struct Known {
    std::weak_ptr<FirewallMaps> attachment;
    Banks banks;
  };
  std::map<const FirewallMaps*, Known> known_;
};

}  // namespace nicsentry
