// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/datapath/mode.h"
#include "host/datapath/program.h"
#include "host/enforce/enforcing_attachment.h"
#include "host/enforce/firewall_state.h"
#include "host/enforce/rule_counter_ids.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// The chain that a program on this hook enforces.
Chain chain_of(Hook hook);

// The rules and address sets of a run, and what of them is in force on its attachments. Each change takes effect on
// every attachment or, when it throws Error, on none; an attachment that cannot be reached any more is left out, which
// is said by `warning`. Ends rules and entries of sets when their time is over, on a thread of its own. Any thread may
// call.
class Firewall {
 public:
  struct Options {
    FirewallSize size;  // of every attachment's maps
    std::optional<std::filesystem::path> state;
    std::function<void(const std::string&)> warning;
  };
  // Takes rules and sets from the state directory. Throws Error.
  explicit Firewall(Options options);
  ~Firewall();
  Firewall(const Firewall&) = delete;
  Firewall& operator=(const Firewall&) = delete;

  // Takes a program into charge; everything is in force on it when this returns. One that enforces already, of a run
  // that died, goes on with its rules until it has these. If that run had the same state directory, who is in a set
  // before and after is in it all the while; else the sets are empty meanwhile. Throws Error.
  void add_attachment(std::shared_ptr<FirewallMaps> maps, Chain chain);
  // Of the first attachment that has such a map, -1 where none has.
  int answers_fd() const;
  void remove_attachment(const FirewallMaps* maps);
  // Leaves out the others.
  void keep_attachments(const std::vector<const FirewallMaps*>& maps);

  // Performs a batch; the number of rules that the chain has then. `anew`: on an empty chain.
  std::size_t apply(Chain chain, const nlohmann::json& batch, bool anew = false);
  void set_default(Chain chain, RuleAction action);
  void accept_established(Chain chain, bool on);
  void reset_counters();

  struct ChainView {
    ChainRules chain;
    std::vector<rule_counter> counts;  // by rule
    rule_counter by_default{};
    rule_counter established{};
    rule_counter blocked{};
    rule_counter dropped{};
    std::size_t chunks = 0;  // of the tables
    std::size_t rows = 0;
    std::size_t nodes = 0;
    std::size_t bits = 0;
    BankPlace room;
  };
  ChainView view(Chain chain) const;
  // Calls `act` with a chain's rules and the sets, as they are in force on every attachment until it returns.
  void hold(Chain chain, const std::function<void(const ChainRules&, const AddressSets&)>& act) const;

  struct SetView {
    std::string name;
    std::size_t entries = 0;
    std::size_t used_by_rules = 0;
  };
  std::vector<SetView> sets() const;
  std::vector<SetEntry> entries(const std::string& set) const;
  // Makes the set where it is missing. How many entries changed.
  std::size_t add_to_set(const std::string& set, std::span<const SetEntry> entries);
  struct Taken {
    std::size_t changed = 0;
    std::vector<AddressRange> missing;  // that were no entries of the set
    // Addresses that stay in the set, and a wider entry by which they do; of so many at most, as each is a search.
    static constexpr std::size_t kStayingMost = 20;
    std::vector<std::pair<AddressRange, AddressRange>> staying;
  };
  Taken take_from_set(const std::string& set, std::span<const AddressRange> ranges);
  // Makes the set's content exactly this; how many entries it has then.
  std::size_t replace_set(const std::string& set, std::span<const SetEntry> entries);
  void remove_set(const std::string& set);

  // Ends what is to end until now.
  void expire(TimestampNs now_ns);

  // The rule behind a packet's record: its place in its chain when it decided, and the rule.
  struct Deciding {
    std::size_t number = 0;
    Rule rule;
  };
  // Nothing where no rule decided. Never waits for a change that is under way.
  std::optional<Deciding> deciding_rule(const FirewallMaps* maps, std::uint32_t action) const;

 private:
  using Tables = std::shared_ptr<const InstalledChain>;

  ChainRules& rules(Chain chain) { return chains_.at(static_cast<std::size_t>(chain)); }
  const ChainRules& rules(Chain chain) const { return chains_.at(static_cast<std::size_t>(chain)); }
  Tables compile(Chain chain, const ChainRules& next, unsigned bank) const;
  void load(const FirewallState::Chains& chains);
  void install(Chain chain, ChainRules next);
  std::optional<SetUpdate> continue_sets(const EnforcingAttachment& attachment);
  void save_classes();
  void save_rules(Chain chain, const ChainRules& next) const;
  void note_tables(const EnforcingAttachment& attachment);
  void perform(const SetUpdate& update);
  template <typename Act>
  void on_attachments(Act act);
  void save(const std::function<void(FirewallState&)>& act);
  std::size_t uses(const std::string& set) const;
  void expire_locked(TimestampNs now_ns);
  std::optional<TimestampNs> next_end() const;
  void serve_ends();

  Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  AddressSets sets_;
  std::optional<FirewallState> state_;
  std::optional<FirewallState::Classes> former_classes_;  // of the run before
  // What the first program was found with that this run went on from, and how; for others that were left alike.
  struct Continued {
    AddressSets::InForce from;
    SetUpdate update;
  };
  std::optional<Continued> continued_;
  bool warned_of_loss_ = false;
  std::array<ChainRules, 2> chains_;
  std::array<Tables, 2> tables_;  // of the chains as they are, for their figures
  RuleCounterIds ids_;
  std::vector<std::unique_ptr<EnforcingAttachment>> attachments_;
  mutable std::mutex decided_mutex_;
  std::map<const FirewallMaps*, std::array<Tables, 2>> decided_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nicsentry
