// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <chrono>
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
#include <utility>
#include <vector>

#include "host/base/timestamp.h"
#include "host/datapath/mode.h"
#include "host/datapath/program.h"
#include "host/enforce/adoption.h"
#include "host/enforce/change_lock.h"
#include "host/enforce/change_terms.h"
#include "host/enforce/counter_cache.h"
#include "host/enforce/decision_index.h"
#include "host/enforce/enforcement.h"
#include "host/enforce/expiry.h"
#include "host/enforce/firewall_state.h"
#include "host/enforce/installation.h"
#include "host/enforce/limited_addresses.h"
#include "host/enforce/lockout_check.h"
#include "host/enforce/port_names.h"
#include "host/enforce/rule_store.h"
#include "host/enforce/set_store.h"
#include "host/enforce/unconfirmed_change.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/ruleset.h"
#include "host/rules/language/ruleset_change.h"

namespace nicsentry {

// The chain that a program on this hook enforces.
Chain chain_of(Hook hook);

// The rules and address sets of a run, in force on its attachments. Each change is in force on every attachment when
// its call returns or, when it throws Error, on none. Where a write fails once a change cannot be taken back,
// enforced() says so until it is mended. Rules and entries end by themselves. Any thread may call; changes wait for
// each other, and for nothing else. A change throws LockOut where it would cut off what Options::vital names, unless
// its terms say yes. At most one change at a time waits to be confirmed. Its chain is not changed meanwhile, nor its
// set replaced or removed; single entries of the set are.
class Firewall : public Enforcement {
 public:
  struct Options {
    FirewallSize size;  // of every attachment's maps
    std::optional<std::filesystem::path> state;
    std::function<void(const std::string&)> warning = [](const std::string&) {};
    bool count_hits = false;  // its attachments' programs do
    TcpPickup tcp_pickup = TcpPickup::loose;
    // The packets that no change may cut off; none: nothing is asked. See VitalTraffic::packets().
    FindVital vital = nullptr;
    // By which rules and entries end; none: a LifetimeClock, which the state directory keeps.
    std::function<TimestampNs()> now = nullptr;
    CounterCache::ReadCounters read_counters = [](const FirewallMaps& maps, std::span<const std::uint32_t> ids) {
      return maps.read_counters(ids);
    };
    std::function<void(const std::string&)> info = [](const std::string&) {};
    // A directory in memory, for what must not be lost while the disk of the state directory is full.
    std::optional<std::filesystem::path> memory = std::nullopt;
  };
  // Takes rules and sets from the state directory. Throws Error.
  explicit Firewall(Options options);
  Firewall(const Firewall&) = delete;
  Firewall& operator=(const Firewall&) = delete;

  // The way in which an attachment is added: it enforces on its own, or it takes the place of an older program that
  // enforces.
  enum class Place : std::uint8_t { own, of_enforcing };
  // Brings rules and sets into force on a program, whether or not it is on a hook yet. If the program still enforces a
  // dead run's rules, those stay in force until this run's replace them. With the same state directory, an address in a
  // set before and after is never missing from it; otherwise sets are empty during the switch. `name` is for
  // enforced(). Throws Error.
  void add_attachment(std::shared_ptr<FirewallMaps> maps, Chain chain, Place place = Place::own,
                      const std::string& name = {});
  // Leaves out all other attachments. Ends the start of a run: its attachments are found. Never waits: a change that is
  // under way leaves them out when it ends.
  void keep_attachments(const std::vector<const FirewallMaps*>& maps);
  // The map of expectations of the first attachment that has one.
  std::optional<int> expectations_fd() const;

  // Perform a batch on the chain, or on an empty one. Return the number of rules that the chain then has; apply() also
  // what the batch did.
  struct Applied {
    std::size_t rules = 0;
    std::vector<BatchChange> changes;
    std::vector<TwiceRule> twice;
  };
  Applied apply(Chain chain, const Batch& batch, const ChangeTerms& terms = {});
  // What apply() would do. Changes nothing; what the host depends on is not looked at.
  Applied preview(Chain chain, const Batch& batch) const;
  std::size_t replace_rules(Chain chain, const Batch& batch, const ChangeTerms& terms = {});
  // Makes chains and sets what the ruleset says, at one instant; what it does not name stays. See replace_chain().
  struct LoadedChain {
    std::size_t rules = 0;
    std::size_t kept = 0;     // of them were in force before
    std::size_t removed = 0;  // of those before
    bool changed = false;     // anything of the chain
  };
  struct LoadedSet {
    std::string name;
    std::size_t entries = 0;
    bool changed = false;
  };
  struct Loaded {
    std::array<std::optional<LoadedChain>, 2> chains;  // by Chain; none: it is not in the ruleset
    std::vector<LoadedSet> sets;                       // of the ruleset
  };
  Loaded load(const Ruleset& ruleset, const ChangeTerms& terms = {});
  // Returns the changes of load(); see differences(). Sets have `set`, and `entries`, or how many are `added`,
  // `removed` and `changed`.
  nlohmann::ordered_json compare(const Ruleset& ruleset) const;
  // The rules and sets in force as a ruleset, without the built-in sets.
  nlohmann::ordered_json ruleset() const;
  // Returns what it cuts off, a line each, which terms.yes allows.
  std::vector<std::string> set_default(Chain chain, RuleAction action, const ChangeTerms& terms = {});
  void accept_established(Chain chain, bool on, const ChangeTerms& terms = {});
  void drop_unjudged(Chain chain, bool on, const ChangeTerms& terms = {});
  void set_non_ip(Chain chain, std::optional<std::vector<std::uint16_t>> types, const ChangeTerms& terms = {});
  void reset_counters();

  // The change that waits to be confirmed stays. Returns which that is. Throws Conflict where none waits.
  std::string confirm();
  // It is taken back now. Returns which that was. Throws Conflict where none waits, and Error where it is taken back
  // but not saved.
  std::string revert();
  // Takes it back now. False where none waits.
  bool take_back_unconfirmed();
  // When it is taken back, and what it is; nothing where none waits. Waits for nobody.
  std::optional<std::pair<TimestampNs, std::string>> unconfirmed() const { return unconfirmed_.waiting(); }

  // Names the parts in force that the state directory lacks, and why; saving is tried again. Nothing where all is
  // saved. Waits for nobody.
  std::optional<std::string> unsaved() const;

  std::shared_ptr<const ChainRules> rules(Chain chain) const override { return rules_.rules(chain); }
  ChainView view(Chain chain, std::chrono::nanoseconds max_age = std::chrono::nanoseconds::zero()) const override;

  // The rules of a chain that limit, and who was beyond their rates. Changes wait for it.
  std::vector<LimitedRule> limited(Chain chain) const;

  std::vector<SetView> sets() const override;
  std::vector<EnforcedAt> enforced() const override { return installation_.enforced(); }
  std::vector<SetEntry> entries(const std::string& set) const { return sets_.entries(set); }
  // An entry, and the packets that it counted on all attachments; nothing where it is not counted.
  struct EntryHits {
    SetEntry entry;
    std::optional<rule_counter> hits;
  };
  // Throws Conflict where the run counts none. Never waits for a change.
  std::vector<EntryHits> hits(const std::string& set) const;
  bool in_set(const std::string& set, const IpAddress& address) const override { return sets_.contains(set, address); }
  // Makes the set where it is missing. An entry that is there never ends earlier by that, unless the terms say shorten.
  Added add_to_set(const std::string& set, std::span<const SetEntry> entries, const ChangeTerms& terms = {});
  Taken take_from_set(const std::string& set, std::span<const AddressRange> ranges, const ChangeTerms& terms = {});
  // Makes the set's content exactly this. Returns how many entries it then has. Refuses to empty a set that packets are
  // judged by, unless the terms say so.
  std::size_t replace_set(const std::string& set, std::span<const SetEntry> entries, const ChangeTerms& terms = {});
  void remove_set(const std::string& set, const ChangeTerms& terms = {});
  Added block(std::span<const SetEntry> entries) override { return add_to_set(kBlockedSet, entries); }
  Taken unblock(std::span<const AddressRange> ranges) override { return take_from_set(kBlockedSet, ranges); }

  // Ports have got other names: rules that name them get these, too, and stay in force. Any thread may call; never
  // waits for a change.
  void rename_ports(PortNames names);

  // The clock by which rules and entries end.
  TimestampNs now() const { return options_.now(); }
  // Removes rules and entries that ended until now, and writes again what could not be written.
  void expire(TimestampNs now_ns);
  void wake_expiry() { expiry_->wake(); }

  using Deciding = DecidingRule;
  // The rule behind a packet's record; nothing where no rule decided. Never waits for a change that is under way.
  std::optional<Deciding> deciding_rule(const FirewallMaps* maps, std::uint32_t action) const {
    return decisions_.find(maps, action);
  }

  // Rules and sets stay as they are, on every attachment, while this lives. Changes wait for it: keep it short.
  class Pause {
   public:
    explicit Pause(const Firewall& firewall) : pause_(firewall.lock_), firewall_(firewall) {}
    std::shared_ptr<const ChainRules> rules(Chain chain) const { return firewall_.rules_.rules(chain); }
    const AddressSets& sets() const { return firewall_.sets_.in_memory(); }

   private:
    ChangeLock::Pause pause_;
    const Firewall& firewall_;
  };

 private:
  // One change at a time. Leaves out attachments that have gone, when it begins and when it ends; takes new names of
  // ports when it begins.
  class Change {
   public:
    explicit Change(Firewall& firewall) : firewall_(firewall), held_(std::in_place, firewall.lock_) {
      firewall_.leave_out(firewall_.take_gone());
      firewall_.take_new_names();
    }
    ~Change() {
      firewall_.plan_mending();
      firewall_.plan_saving();
      held_.reset();
      firewall_.leave_out_gone();
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    Firewall& firewall_;
    std::optional<ChangeLock::Change> held_;
  };

  using Gone = std::vector<std::shared_ptr<FirewallMaps>>;

  std::optional<Gone> take_gone();
  void leave_out(const std::optional<Gone>& gone);
  void leave_out_gone();
  void take_new_names();
  void rename_in_rules(const PortNames& names);
  bool rename_in_undo(const PortNames& names);
  void save_new_name(const std::function<void()>& write);
  Applied apply_to(Chain chain, const ChainRules& from, const Batch& batch, const ChangeTerms& terms);
  template <typename Set>
  void change_chain(Chain chain, Set set, const ChangeTerms& terms);
  std::vector<std::string> cut_off_by(Chain chain, const ChainRules& next, const Caller& caller) const;
  void change_chain_to(Chain chain, ChainRules next, const ChangeTerms& terms);
  using NextChains = std::map<Chain, ChainRules>;
  using NextSets = std::vector<SetFiles::Set>;
  // Called when all that may fail is done; it may fail itself.
  using SaveChanges = std::function<void(std::span<const RuleStore::Change* const> changes)>;
  std::map<Chain, ChainChange> chain_changes(const Ruleset& ruleset) const;
  NextSets set_changes(const Ruleset& ruleset) const;
  Undo undo_of(const NextChains& chains, const NextSets& sets) const;
  // Brings all of it into force at one instant, or changes nothing and throws.
  void switch_to(NextChains chains, const NextSets& sets, const SaveChanges& save);
  void switch_and_save(const NextChains& chains, const NextSets& sets);
  // Performs a change that is taken back unless it is confirmed, where the terms say so.
  void with_undo(const ChangeTerms& terms, const std::function<Undo()>& make_undo, const std::function<void()>& act);
  enum class Because : std::uint8_t { unconfirmed, reverted };
  void take_back(Undo& undo, Because because);
  void put_in_force(const Undo& undo);
  void save(const Undo& undo);
  // When the rules are written to disk: before they are in force, where a failure still changes nothing, or by the
  // caller.
  enum class Save : std::uint8_t { before, by_caller };
  void install(NextChains&& next, const SaveChanges& save);
  void install(Chain chain, ChainRules next, Save save = Save::before);
  void perform(const SetUpdate& update);
  void judge_by_blocked();
  void check_may_be_empty(const std::string& set) const;
  void save_classes();
  void expire_rules(Chain chain, TimestampNs now_ns);
  std::optional<TimestampNs> next_end() const;
  void plan_mending();
  void mend(TimestampNs now_ns);
  std::string describe_unsaved();
  void plan_saving() noexcept;
  void save_again(TimestampNs now_ns);

  Options options_;
  mutable ChangeLock lock_;  // of changes, their files and the attachments
  std::unique_ptr<FirewallState> state_;
  SetStore sets_;
  RuleStore rules_;
  mutable CounterCache counters_;
  DecisionIndex decisions_;
  Installation installation_;
  Adoption adoption_;
  bool warned_of_loss_ = false;
  LockoutCheck lockout_;
  UnconfirmedChange unconfirmed_;
  std::atomic<TimestampNs> mend_at_ = 0;   // 0: there is nothing to mend
  std::chrono::nanoseconds mend_after_{};  // the last interval
  std::string why_undo_unsaved_;
  std::atomic<TimestampNs> save_at_ = 0;   // 0: all is saved
  std::chrono::nanoseconds save_after_{};  // the last interval
  mutable std::mutex unsaved_mutex_;
  std::string unsaved_;  // for unsaved()
  mutable std::mutex gone_mutex_;
  std::optional<Gone> gone_;        // attachments that are to be left out
  std::vector<PortNames> renamed_;  // one after the other, that rules do not have yet
  std::optional<Expiry> expiry_;    // last: its thread uses what stands above
};

}  // namespace nicsentry
