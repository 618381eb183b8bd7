// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "host/datapath/firewall_maps.h"
#include "host/datapath/program.h"
#include "host/rules/compile/compile.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// What a bank holds, and the chain it was made of: for a packet's record, by the action that decided.
struct InstalledChain {
  ChainRules chain;
  Compiled compiled;
};

FirewallSize size_of(const FirewallMaps& maps);
// Where a bank stands in maps of this size, and where the part of the address sets does.
BankPlace bank_place(const FirewallSize& size, unsigned bank);
AddressSets::Room set_room(const FirewallSize& size);

// The maps of one program's firewall, in the order of writing that no packet can see half of. Everything throws
// SystemError. One thread at a time, which waits for quiescence where it is said.
class EnforcingAttachment {
 public:
  EnforcingAttachment(std::shared_ptr<FirewallMaps> maps, Chain chain);

  const FirewallMaps* maps() const { return maps_.get(); }
  Chain chain() const { return chain_; }
  // Nobody has written to these maps.
  bool untouched() const { return untouched_; }
  bool on() const { return (control_.config & FIREWALL_ON) != 0; }
  unsigned bank() const { return (control_.config & FIREWALL_BANK) != 0 ? 1 : 0; }
  // The one to be filled next: the other one, once there is one in force.
  unsigned idle_bank() const { return on() ? 1 - bank() : bank(); }

  // Fills the idle bank, which no packet may be reading any more.
  void fill(std::shared_ptr<const InstalledChain> chain);
  // Puts what fill() wrote in force, by one word. Wait for quiescence before the next fill().
  void flip();
  // What is or was in a bank; null where it was never filled.
  const std::shared_ptr<const InstalledChain>& installed(unsigned bank) const { return installed_.at(bank); }

  std::array<std::uint32_t, FIREWALL_KEYS> set_keys() const { return std::to_array(control_.keys); }
  // As a run that died left them. Not of a program that does not enforce.
  AddressSets::InForce sets_in_force() const;
  // Rows of address classes that are new, in the bank in force.
  void write_classes(const std::vector<std::uint32_t>& classes, const std::vector<SetMask>& masks);
  // Wait for quiescence after each.
  void perform(const SetUpdate::Step& step);

  // Of these counters, since they began at 0.
  std::vector<rule_counter> counts(const std::vector<std::uint32_t>& ids) const;
  // These begin at 0.
  void reset_counters(const std::vector<std::uint32_t>& ids);

 private:
  std::shared_ptr<FirewallMaps> maps_;
  Chain chain_;
  struct firewall control_ {};
  bool untouched_;
  std::array<std::shared_ptr<const InstalledChain>, 2> installed_;
  std::vector<rule_counter> baselines_{RULE_COUNTERS};
};

}  // namespace nicsentry
