// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/datapath/program.h"
#include "host/enforce/adoption.h"
#include "host/enforce/counter_cache.h"
#include "host/enforce/decision_index.h"
#include "host/enforce/enforcement.h"
#include "host/enforce/enforcing_attachment.h"
#include "host/enforce/hit_keys.h"
#include "host/enforce/port_names.h"
#include "host/enforce/rule_store.h"

namespace nicsentry {

// Brings rules and sets into force on all attachments. A write that fails is tried again at once. Where that fails,
// too, and the change can no longer be taken back, the attachment is failing: it enforces what it has, enforced() has
// the reason, and mend() writes everything anew. One thread at a time, but where it says otherwise.
class Installation {
 public:
  // `size`: of every attachment's maps. References must outlive this.
  Installation(const FirewallSize& size, CounterCache& counters, DecisionIndex& decisions,
               std::function<void(const std::string&)> warning);

  // The tables of a chain for a bank, of a port where rules ask for one (empty: of all). Throws Error when the rules do
  // not fit.
  std::shared_ptr<const InstalledChain> compile(Chain chain, const ChainRules& rules, const AddressSets& sets,
                                                unsigned bank, const std::string& interface = {},
                                                bool limits = true) const;

  // A program's firewall, not yet in force. Throws Conflict when its maps have another size.
  std::unique_ptr<EnforcingAttachment> open(std::shared_ptr<FirewallMaps> maps, Chain chain,
                                            const std::string& name) const;
  // Sets, then rules, are in force on the attachment when this returns. Its program need not be on a hook yet: what
  // takes a hook over is prepared first, and packets meet it complete. Throws Error.
  void prepare(std::unique_ptr<EnforcingAttachment> attachment, const Adoption::Plan& plan, const ChainRules& rules,
               const AddressSets& sets);
  // Writes sets and rules again on all attachments, after the sets have got other places.
  void renew(const RuleStore& rules, const AddressSets& sets);

  // The maps of all other attachments. Any thread may call; never waits for a change.
  std::vector<std::shared_ptr<FirewallMaps>> others(const std::vector<const FirewallMaps*>& maps) const;
  void leave_out(const std::vector<std::shared_ptr<FirewallMaps>>& maps);
  // Which chains are enforced where. Any thread may call; never waits for a change.
  std::vector<Enforcement::EnforcedAt> enforced() const;
  bool any_failing() const;
  // EnforcingAttachment::limited() of all attachments of the chain. Changes must wait.
  std::multimap<std::uint32_t, FirewallMaps::Limited> limited(Chain chain) const;
  void forget_limited();
  // Brings rules and sets into force on the attachments that are failing, and counts there from 0.
  void mend(const RuleStore& rules, const AddressSets& sets);
  // The interfaces of the chain's attachments. Changes must wait.
  std::set<std::string> interfaces(Chain chain) const;
  // Attachments on these ports get the new names. Changes must wait.
  void rename_ports(const PortNames& names);
  // The map of expectations of the first attachment that has one.
  std::optional<int> expectations_fd() const;

  // Fills the idle banks of the chain's attachments. All of a change that can fail is done then, but for flip(), which
  // brings what was filled of these chains into force and returns when no packet meets the rules before. Returns the
  // tables. Throws Error.
  std::shared_ptr<const InstalledChain> fill(const RuleStore::Change& change, const AddressSets& sets);
  void flip(const std::vector<Chain>& chains);

  // Programs count the hits of these entries, which are not in force yet, and do not count those, which are not any
  // more. perform() does both for what its update names. Where it fails for an entry, it warns.
  void count_hits(const std::string& set, const std::vector<AddressRange>& entries);
  void forget_hits(const std::string& set, const std::vector<AddressRange>& entries, const AddressSets& sets);
  // The maps of the programs that count hits.
  std::vector<std::shared_ptr<FirewallMaps>> counting() const;

  // Brings a change of sets into force.
  void perform(const SetUpdate& update, const AddressSets& sets);

 private:
  // Programs for the card have no room to ask a list of EtherTypes, or for the fields of kNumberFields.
  static bool is_for_card(const EnforcingAttachment& attachment);
  static void refuse_host_fields(const EnforcingAttachment& attachment, const ChainRules& rules);
  static std::string passes_all(const EnforcingAttachment& attachment);
  // Nor can they keep the buckets of limits.
  static std::string limits_nothing(const EnforcingAttachment& attachment);
  std::vector<hit_key> make_all_hits(const EnforcingAttachment& attachment, const AddressSets& sets);
  void warn_of_uncounted(const EnforcingAttachment& attachment, const std::string& failure);

  struct Entry {
    std::unique_ptr<EnforcingAttachment> attachment;
    std::string failing;  // the reason
  };

  template <typename Act>
  void on_attachments(Act act);
  void set_failing(Entry& entry, const std::string& reason);
  void renew(EnforcingAttachment& attachment, const RuleStore& rules, const AddressSets& sets);
  template <typename Condition>
  void erase_if(Condition condition);
  void perform_steps(EnforcingAttachment& attachment, const Adoption::Plan& plan, std::size_t from, std::size_t to);
  void switch_rules(EnforcingAttachment& attachment, const ChainRules& rules, const AddressSets& sets);
  void note_banks(const EnforcingAttachment& attachment);

  FirewallSize size_;
  CounterCache& counters_;
  DecisionIndex& decisions_;
  std::function<void(const std::string&)> warning_;
  mutable std::mutex list_mutex_;  // of which attachments there are, and of which are failing
  std::vector<Entry> attachments_;
  SharedHits shared_hits_;
  bool knows_shared_hits_ = false;
};

}  // namespace nicsentry
