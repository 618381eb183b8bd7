// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/datapath/firewall_maps.h"
#include "host/datapath/program.h"
#include "host/enforce/installed_chain.h"
#include "host/rules/compile/compile.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

FirewallSize size_of(const FirewallMaps& maps);
// The place of a bank in maps of this size, and that of the address sets.
BankPlace bank_place(const FirewallSize& size, unsigned bank);
AddressSets::Room set_room(const FirewallSize& size);

// Writes the maps of one program's firewall in an order of which no packet sees a half. Everything throws SystemError.
// One thread at a time, which waits for quiescence where the comments say so.
class EnforcingAttachment {
 public:
  EnforcingAttachment(std::shared_ptr<FirewallMaps> maps, Chain chain, std::string name);

  const FirewallMaps* maps() const { return maps_.get(); }
  const std::shared_ptr<FirewallMaps>& shared_maps() const { return maps_; }
  Chain chain() const { return chain_; }
  const std::string& name() const { return name_; }
  // The interface that its name begins with ("eth0/xdp"); empty for a program that is on none.
  std::string interface() const { return name_.substr(0, name_.find('/')); }
  void rename_interface(const std::string& name) { name_.replace(0, interface().size(), name); }
  // True when nobody has written to these maps.
  bool untouched() const { return untouched_; }
  bool on() const { return (control_.config & FIREWALL_ON) != 0; }
  unsigned bank() const { return (control_.config & FIREWALL_BANK) != 0 ? 1 : 0; }
  // The bank to be filled next: the other one, once one is in force.
  unsigned idle_bank() const { return on() ? 1 - bank() : bank(); }

  // Reads again which bank is in force: after a failed write it is not known.
  void reload() { control_ = maps_->read_control(); }
  // Fills the idle bank, which no packet may be reading any more.
  void fill(std::shared_ptr<const InstalledChain> chain);
  // Puts what fill() wrote in force, by one word. Wait for quiescence before the next fill().
  void flip();
  // The chain that is or was in a bank; null when it was never filled.
  const std::shared_ptr<const InstalledChain>& installed(unsigned bank) const { return installed_.at(bank); }

  std::array<std::uint32_t, FIREWALL_KEYS> set_keys() const { return std::to_array(control_.keys); }
  // The sets as a run that died left them. Only for a program that enforces.
  AddressSets::InForce sets_in_force() const;
  // Writes the rows of address classes that are new, in the bank in force.
  void write_classes(const std::vector<std::uint32_t>& classes, const std::vector<SetMask>& masks);
  // Who was beyond the rate of the limits in force, by the counter of their rules.
  std::multimap<std::uint32_t, FirewallMaps::Limited> limited() const;
  // Wait for quiescence after each.
  void perform(const SetUpdate::Step& step);

 private:
  // The buckets of a rule that limits.
  struct LimitTable {
    std::uint32_t counter = 0;  // of the rule: it names it
    Limit limit;
    std::shared_ptr<UniqueFd> table;
    std::uint32_t serial = 0;  // by which the program notes who was beyond the rate
  };

  void write_hit_sets(unsigned bank, const InstalledChain& chain, const std::vector<std::uint32_t>& classes,
                      const std::vector<SetMask>& masks);
  void write_limits(unsigned bank, const InstalledChain& chain);

  std::shared_ptr<FirewallMaps> maps_;
  Chain chain_;
  std::string name_;
  struct fw_config control_ {};
  bool untouched_;
  std::array<std::shared_ptr<const InstalledChain>, 2> installed_;
  std::array<std::vector<LimitTable>, 2> limit_tables_;  // of each bank, by number
  std::uint32_t last_serial_ = 0;                        // 0: none was given, a former run's may be in use
};

}  // namespace nicsentry
