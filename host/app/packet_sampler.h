// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <unordered_map>

#include "host/rules/language/rule.h"

namespace nicsentry {

// Chooses which of the packets that rules log on one attachment get a record: each rule's first one, then one of every
// so many. For one thread.
class PacketSampler {
 public:
  bool take(const Rule& rule) {
    const std::uint32_t every = logged_one_of(rule);
    return every <= 1 || logged_[rule.counter]++ % every == 0;
  }

 private:
  std::unordered_map<std::uint32_t, std::uint64_t> logged_;  // packets so far, by the rule's counter
};

}  // namespace nicsentry
