// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// An address, or prefix, that was beyond the rate of a limit.
struct LimitedAddress {
  std::optional<AddressRange> range;  // none: the rule has one bucket for all packets
  std::uint64_t packets = 0;          // that were dropped
  std::uint64_t bytes = 0;
  std::chrono::nanoseconds since_last{};  // the last one of these
};

// A rule that limits, and who was beyond its rate since it came into force: those with the most packets first.
struct LimitedRule {
  std::size_t id = 0;  // its place in the chain
  Rule rule;
  std::vector<LimitedAddress> addresses;
};

}  // namespace nicsentry
