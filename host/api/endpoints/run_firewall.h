// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/api/json/enforced_json.h"
#include "host/api/json/status_json.h"
#include "host/datapath/mode.h"
#include "host/enforce/firewall.h"

namespace nicsentry {

// A program that enforces a chain.
struct EnforcingProgram {
  std::string name;  // of its attachment
  std::uint32_t id = 0;
  Hook hook = Hook::xdp;
  Mode mode = Mode::drv;
};

// The firewall of a run, as its endpoints reach it.
struct RunFirewall {
  Firewall* firewall = nullptr;  // null: the run has none
  // The program that enforces a chain. Throws Conflict where there is none: rules that nothing enforces must not look
  // as if they were in force. Throws Unavailable where the run does not answer in time. Any thread may call.
  std::function<EnforcingProgram(Chain)> enforcing;
  // Which chains are enforced where. Any thread may call; waits for nobody.
  std::function<std::vector<Enforcement::EnforcedAt>()> places;

  // Told of each change of a set that was asked for, once it is in force. Entries that end by themselves are not told
  // of.
  struct SetChange {
    std::string set;
    std::size_t added = 0;
    std::size_t removed = 0;
    std::vector<AddressRange> entries{};  // of those that were asked for the first
  };
  std::function<void(const SetChange&)> set_changed{};
  void tell(SetChange change) const;

  // Told of each change of rules, settings and rulesets that was asked for, once it is in force.
  struct RulesChange {
    std::string what;  // "batch", "default", "accept_established", "unjudged", "non_ip", "ruleset", "confirm", "revert"
    std::optional<Chain> chain;       // none: both, or what the change says
    std::string by;                   // asked_by()
    std::vector<std::string> sets{};  // that a ruleset changed
  };
  std::function<void(const RulesChange&)> rules_changed{};
  void tell_rules(const RulesChange& change) const {
    if (rules_changed) rules_changed(change);
  }

  // Throws Conflict where the run has no firewall.
  Firewall& required() const;
  Enforced enforced() const;
  // A change that waits to be confirmed; nothing where none does.
  std::optional<Unconfirmed> unconfirmed() const;
  // Nothing where the run has no firewall.
  std::optional<FirewallSummary> summary() const;
  std::vector<FirewallSummary::OfLimit> limits() const;  // of both chains, with what they have dropped
  // The same after a change. Throws Conflict where the change takes effect nowhere: no program enforces the chain (no
  // chain given: any), or none could be reached.
  Enforced enforced_after_change(std::optional<Chain> chain = std::nullopt) const;
  // Before a change that would take effect nowhere. Throws Conflict.
  void require_enforced() const;
};

}  // namespace nicsentry
