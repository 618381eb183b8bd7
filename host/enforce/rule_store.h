// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/enforce/firewall_state.h"
#include "host/enforce/installed_chain.h"
#include "host/enforce/rule_counter_ids.h"
#include "host/rules/language/batch.h"

namespace nicsentry {

// The rules of both chains as they are in force, whose counter is whose, and their file. Snapshots are for any thread
// and never wait for a change. Changes are for one thread at a time.
class RuleStore {
 public:
  // `state`: null where rules are not kept on disk.
  explicit RuleStore(FirewallState* state) : state_(state) {}

  // The rules in force and their tables. Set by load(); the tables are those of one bank.
  std::shared_ptr<const InstalledChain> installed(Chain chain) const;
  std::shared_ptr<const ChainRules> rules(Chain chain) const;

  // Takes rules from the state directory. `compile` makes the tables of a chain.
  using Compile = std::function<std::shared_ptr<const InstalledChain>(Chain chain, const ChainRules& rules)>;
  void load(const std::vector<std::string>& set_names, TimestampNs now_ns, TcpPickup pickup, const Compile& compile);

  // A chain that is to come into force: with a counter for each rule, which it gives back unless commit() is called.
  class Change {
   public:
    Change(RuleStore& store, Chain chain, ChainRules next);
    ~Change();
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

    Chain chain() const { return chain_; }
    const ChainRules& next() const { return next_; }
    const std::vector<std::uint32_t>& new_counters() const { return new_counters_; }

    // The chain is in force, and no packet uses the one before.
    void commit(std::shared_ptr<const InstalledChain> installed);

   private:
    RuleStore& store_;
    Chain chain_;
    ChainRules next_;
    std::vector<std::uint32_t> new_counters_;
    bool committed_ = false;
  };

  // Writes the rules to disk: those in force, and of each chain that is to change those that are to come into force.
  // Throws Error; then the file has what it had.
  void save(std::span<const Change* const> changes = {});
  // Why the file does not have the rules in force; empty: it has. For the thread that makes changes.
  const std::string& unsaved() const { return unsaved_; }

  // How many rules name the set.
  std::size_t uses_of(const std::string& set) const;
  // When the next rule ends.
  std::optional<TimestampNs> next_end() const;

 private:
  void publish(Chain chain, std::shared_ptr<const InstalledChain> installed);

  FirewallState* state_;
  std::string unsaved_;
  RuleCounterIds ids_;
  mutable std::mutex mutex_;  // of `installed_`
  std::array<std::shared_ptr<const InstalledChain>, 2> installed_;
};

// How many rules of the chain name the set.
std::size_t uses_of(const ChainRules& chain, const std::string& set);

// The counters that come before those of rules, each at the place of its number, and those of the rules in their order.
std::vector<std::uint32_t> counters_of(const ChainRules& chain);

}  // namespace nicsentry
