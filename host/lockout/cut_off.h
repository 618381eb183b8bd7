// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/lockout/vital_traffic.h"
#include "host/rules/judged_packet.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// A change would cut off what this host, or whoever governs it, depends on. Nothing was changed.
class LockOut : public Conflict {
 public:
  explicit LockOut(std::vector<std::string> cut_off);
  // A line each, with what decides: "the gateway 192.0.2.1 (blocked)".
  const std::vector<std::string>& cut_off() const { return cut_off_; }

 private:
  std::vector<std::string> cut_off_;
};

// Rules and sets, in force or to be.
struct Situation {
  std::array<const ChainRules*, 2> chains{};  // by Chain
  InSet in_set;
};

// The packets that a change cuts off: they passed before it, and do not after it; ARP among them, for packets of IPv4.
// Empty: nothing.
std::vector<std::string> cut_off(std::span<const VitalPacket> packets, const Situation& before, const Situation& after);

}  // namespace nicsentry
