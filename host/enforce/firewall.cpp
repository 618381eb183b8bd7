// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "host/base/error.h"
#include "host/enforce/lifetime_clock.h"
#include "host/enforce/set_content.h"
#include "host/rules/language/rule_equality.h"
#include "host/rules/language/ruleset_text.h"

namespace nicsentry {
namespace {

using nlohmann::ordered_json;

constexpr Chain kChains[] = {Chain::ingress, Chain::egress};

// Between two tries to mend an attachment: each may take as long as a card's messages time out, and holds up changes.
constexpr std::chrono::nanoseconds kFirstMending = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kLastMending = std::chrono::seconds(30);
// Between two tries to save what a full disk had no room for. A large set takes long.
constexpr std::chrono::nanoseconds kFirstSaving = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kLastSaving = std::chrono::seconds(30);

std::string renamed_text(const std::string& former, const std::string& name, std::size_t rules) {
  return former + " was renamed to " + name + ": rules that named it name it so from now on (" + std::to_string(rules) +
         "); so must files of rules that are loaded";
}

std::string taken_text(Chain chain, const std::string& name, std::size_t rules) {
  return std::string("rules of the ") + chain_name(chain) + " chain for a port '" + name +
         "' that is gone hold for the port that has its name now (" + std::to_string(rules) + ")";
}

// The entries of a set that one content has and the other has not.
struct Differing {
  std::vector<AddressRange> added;
  std::vector<AddressRange> removed;
};

std::vector<AddressRange> sorted_ranges(const std::vector<SetEntry>& entries) {
  std::vector<AddressRange> ranges;
  ranges.reserve(entries.size());
  for (const SetEntry& entry : entries) {
    ranges.push_back(entry.range);
  }
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

Differing differing(const std::vector<SetEntry>& former, const std::vector<SetEntry>& next) {
  const auto before = sorted_ranges(former);
  const auto after = sorted_ranges(next);
  Differing found;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(found.added));
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(found.removed));
  return found;
}

bool has_same(const std::vector<Rule>& rules, const Rule& rule) {
  return std::any_of(rules.begin(), rules.end(), [&rule](const Rule& one) {
    return one.action == rule.action && same_match(one.match, rule.match);
  });
}

// A rule for an interface that is not watched would be in force nowhere. Those that are there already may stay: their
// port had another name, or is gone.
void check_watched(const std::vector<Rule>& rules, const std::vector<Rule>& there,
                   const std::set<std::string>& interfaces) {
  if (interfaces.empty() || interfaces.contains("")) {
    return;  // no program is on a port yet
  }
  std::vector<std::string> errors;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (const InterfaceMatch* match : {&rules[i].match.in, &rules[i].match.out}) {
      for (const auto* names : {&match->names, &match->except}) {
        for (const std::string& name : *names) {
          if (!interfaces.contains(name) && !has_same(there, rules[i])) {
            errors.push_back("rule with id " + std::to_string(i) + ": the run does not watch '" + name + "'");
          }
        }
      }
    }
  }
  if (!errors.empty()) {
    throw BatchError(std::move(errors));
  }
}

// Also gives the options a clock, which goes on from the directory's.
std::unique_ptr<FirewallState> open_state(Firewall::Options& options) {
  const bool begun = options.state && std::filesystem::exists(*options.state / "format");
  auto state =
      options.state ? std::make_unique<FirewallState>(*options.state, options.warning, options.memory) : nullptr;
  if (!options.now) {
    const auto file = state ? std::optional(*options.state / "clock.json") : std::nullopt;
    if (begun && !std::filesystem::exists(*file)) {
      options.warning(file->string() + " is missing: if the system's clock was set, lifetimes are shorter or longer");
    }
    const auto clock = std::make_shared<LifetimeClock>(file, options.warning);
    options.now = [clock] { return clock->now(); };
  }
  if (!state) {
    return nullptr;
  }
  for (const std::string& taken_back : state->take_back(options.now())) {
    options.warning(taken_back);
  }
  return state;
}

// Counters of rules that are gone may be others' by now.
void forget_lost_counters(ChainRules& rules, const ChainRules& now) {
  for (Rule& rule : rules.rules) {
    const bool kept = std::any_of(now.rules.begin(), now.rules.end(), [&rule](const Rule& other) {
      return other.counter == rule.counter && other.match == rule.match && other.action == rule.action;
    });
    rule.counter = kept ? rule.counter : 0;
  }
}

std::vector<SetEntry> content_of(const SetStore& sets, const std::string& set) {
  return sets.exists(set) ? sets.entries(set) : std::vector<SetEntry>();
}

std::vector<AddressRange> ranges_of(std::span<const SetEntry> entries) {
  std::vector<AddressRange> ranges;
  ranges.reserve(entries.size());
  for (const SetEntry& entry : entries) {
    ranges.push_back(entry.range);
  }
  return ranges;
}

}  // namespace

Chain chain_of(Hook hook) { return hook == Hook::tc_egress ? Chain::egress : Chain::ingress; }

Firewall::Firewall(Options options)
    : options_(std::move(options)),
      state_(open_state(options_)),
      sets_(set_room(options_.size), state_.get(), options_.now()),
      rules_(state_.get()),
      counters_(rules_, options_.read_counters, options_.now),
      installation_(options_.size, counters_, decisions_, options_.warning),
      adoption_(state_ ? state_->load_classes() : std::nullopt, options_.warning),
      lockout_(options_.vital, rules_, sets_),
      unconfirmed_(state_.get()) {
  if (options_.count_hits) {
    sets_.note_entries();
  }
  if (state_) {
    for (const std::string& lost : state_->sets().lost()) {
      options_.warning(lost);
    }
    for (const std::string& set : state_->sets().half_written()) {
      options_.warning("the last change of the set '" + set + "' is left out: its run died while it wrote it");
    }
  }
  rules_.load(sets_.names(), options_.now(), options_.tcp_pickup, [this](Chain chain, const ChainRules& rules) {
    return installation_.compile(chain, rules, sets_.in_memory(), 0);
  });
  expiry_.emplace(Expiry::Work{options_.now, [this] { return next_end(); },
                               [this](TimestampNs now_ns) { expire(now_ns); }, options_.warning});
}

void Firewall::add_attachment(std::shared_ptr<FirewallMaps> maps, Chain chain, Place place, const std::string& name) {
  const Change change(*this);
  auto attachment = installation_.open(std::move(maps), chain, name);
  const Adoption::Plan plan = adoption_.plan(*attachment, sets_);
  const bool replaces_rules = plan.state != AdoptionState::fresh || place == Place::of_enforcing;
  if (replaces_rules && state_ == nullptr && !std::exchange(warned_of_loss_, true)) {
    options_.warning(
        "the rules and sets of the run before are not in force any more, as this run does not know them: addresses "
        "that were blocked are NOT blocked any more; with --state DIRECTORY a run goes on with those of the run "
        "before");
  }
  save_classes();
  if (plan.moves_sets) {
    installation_.renew(rules_, sets_.in_memory());
  }
  installation_.prepare(std::move(attachment), plan, *rules_.rules(chain), sets_.in_memory());
}

void Firewall::keep_attachments(const std::vector<const FirewallMaps*>& maps) {
  const auto others = installation_.others(maps);
  for (const auto& other : others) {
    counters_.remove(other.get());
  }
  {
    const std::lock_guard lock(gone_mutex_);
    if (!gone_) {
      gone_.emplace();
    }
    gone_->insert(gone_->end(), others.begin(), others.end());
  }
  leave_out_gone();
}

std::optional<Firewall::Gone> Firewall::take_gone() {
  const std::lock_guard lock(gone_mutex_);
  return std::exchange(gone_, std::nullopt);
}

// With the lock held.
void Firewall::leave_out(const std::optional<Gone>& gone) {
  if (gone) {
    adoption_.close();
    installation_.leave_out(*gone);
  }
}

void Firewall::rename_ports(PortNames names) {
  {
    const std::lock_guard lock(gone_mutex_);
    renamed_.push_back(std::move(names));
  }
  expiry_->wake();  // its thread may wait for a change
}

// With the lock held.
void Firewall::take_new_names() {
  std::vector<PortNames> renamed;
  {
    const std::lock_guard lock(gone_mutex_);
    renamed = std::exchange(renamed_, {});
  }
  for (const PortNames& names : renamed) {
    installation_.rename_ports(names);
    try {
      rename_in_rules(names);
    } catch (const Error& error) {
      options_.warning(std::string("a port was renamed, and rules that name it could not be changed: ") + error.what());
    }
  }
}

void Firewall::rename_in_rules(const PortNames& names) {
  const bool waits = rename_in_undo(names);
  NextChains chains;
  std::size_t renamed = 0;
  for (const Chain chain : kChains) {
    ChainRules next = *rules_.rules(chain);
    const auto taken = taken_names(next, names);
    for (const auto& [name, rules] : taken) {
      options_.warning(taken_text(chain, name, rules));
    }
    const std::size_t rules = nicsentry::rename_ports(next, names);
    if (rules != 0 || !taken.empty()) {
      renamed += rules;
      chains.emplace(chain, std::move(next));
    }
  }
  if (!chains.empty()) {
    install(std::move(chains), SaveChanges());  // the tables are as they were
  }
  if (renamed != 0) {
    for (const auto& [former, name] : names) {
      options_.warning(renamed_text(former, name, renamed));
    }
  }
  if (waits) {
    save_new_name([this] { unconfirmed_.prepare(*unconfirmed_.undo()); });
  }
  if (renamed != 0) {
    save_new_name([this] { rules_.save(); });
  }
}

// In memory, before anything can fail: taking the change back may not bring back a name that no port has. Returns
// whether rules of it named one.
bool Firewall::rename_in_undo(const PortNames& names) {
  std::size_t renamed = 0;
  if (Undo* undo = unconfirmed_.undo()) {
    for (ChainUndo& part : undo->chains) {
      renamed += nicsentry::rename_ports(part.before, names);
    }
  }
  return renamed != 0;
}

// One file that cannot be written keeps no other from being written.
void Firewall::save_new_name(const std::function<void()>& write) {
  try {
    write();
  } catch (const std::exception& error) {  // also of a name that is not UTF-8
    options_.warning(
        std::string("the new name of a port is in force in the rules, but not saved: a later run finds the "
                    "former name: ") +
        error.what());
  }
}

// Whoever holds the lock meanwhile leaves them out.
void Firewall::leave_out_gone() {
  const auto any = [this] {
    const std::lock_guard lock(gone_mutex_);
    return gone_.has_value();
  };
  while (any()) {
    const ChangeLock::Attempt change(lock_);
    if (!change.held()) {
      return;
    }
    leave_out(take_gone());
  }
}

std::optional<int> Firewall::expectations_fd() const {
  const ChangeLock::Pause pause(lock_);
  return installation_.expectations_fd();
}

// Before a new numbering of classes is in force. The sets are more than what a later run needs to continue at once.
void Firewall::save_classes() {
  std::string reason;
  if (!sets_.save_classes(reason)) {
    options_.warning("a later run will adopt the sets with a moment in which they are empty: " + reason);
  }
}

// All that can fail comes before the first attachment is switched.
void Firewall::install(NextChains&& next, const SaveChanges& save) {
  std::vector<std::unique_ptr<RuleStore::Change>> changes;
  std::vector<const RuleStore::Change*> saved;
  std::vector<std::shared_ptr<const InstalledChain>> tables;
  std::vector<Chain> chains;
  for (auto& [chain, rules] : next) {
    changes.push_back(std::make_unique<RuleStore::Change>(rules_, chain, std::move(rules)));
    saved.push_back(changes.back().get());
    tables.push_back(installation_.fill(*changes.back(), sets_.in_memory()));
    chains.push_back(chain);
  }
  if (save) {
    save(saved);
  }
  if (!chains.empty()) {
    installation_.flip(chains);
  }
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i]->commit(std::move(tables[i]));
  }
  expiry_->wake();
}

void Firewall::install(Chain chain, ChainRules next, Save save) {
  NextChains chains;
  chains.emplace(chain, std::move(next));
  install(std::move(chains), save == Save::before
                                 ? [this](std::span<const RuleStore::Change* const> changes) { rules_.save(changes); }
                                 : SaveChanges());
}

void Firewall::with_undo(const ChangeTerms& terms, const std::function<Undo()>& make_undo,
                         const std::function<void()>& act) {
  if (!terms.confirm) {
    act();
    return;
  }
  if (Undo* former = unconfirmed_.undo()) {
    if (unconfirmed_.waits()) {
      throw Conflict(former->what() + " still waits to be confirmed: nicsentry rules confirm");
    }
    take_back(*former, Because::unconfirmed);  // which is still to be saved
  }
  Undo undo = make_undo();
  undo.due_ns = options_.now() + terms.confirm->count();
  unconfirmed_.prepare(undo);
  try {
    act();
    unconfirmed_.begin(std::move(undo));
    expiry_->wake();
  } catch (...) {
    unconfirmed_.end();
    throw;
  }
}

std::string Firewall::confirm() {
  const Change change(*this);
  if (!unconfirmed_.waits()) {
    throw Conflict("no change waits to be confirmed");
  }
  std::string what = unconfirmed_.undo()->what();
  unconfirmed_.end();
  return what;
}

std::string Firewall::revert() {
  const Change change(*this);
  if (!unconfirmed_.waits()) {
    throw Conflict("no change waits to be confirmed");
  }
  Undo& undo = *unconfirmed_.undo();
  std::string what = undo.what();
  try {
    take_back(undo, Because::reverted);
  } catch (const Error& error) {
    if (!undo.taken_back) {
      throw;
    }
    throw Error(what + " is taken back, but not saved, which is tried again: " + error.what());
  }
  return what;
}

bool Firewall::take_back_unconfirmed() {
  const Change change(*this);
  Undo* undo = unconfirmed_.undo();
  if (undo != nullptr) {
    take_back(*undo, Because::unconfirmed);
  }
  return undo != nullptr;
}

// With the lock held. First in force, then saved: a full disk must not keep anybody locked out. Where it throws, Expiry
// tries again.
void Firewall::take_back(Undo& undo, Because because) {
  if (!undo.taken_back) {
    put_in_force(undo);
    unconfirmed_.taken_back();
    if (because == Because::reverted) {
      options_.info(undo.what() + " was reverted");
    } else {
      options_.warning(undo.what() + " was not confirmed; it is taken back");
    }
  }
  try {
    save(undo);
    unconfirmed_.end();
    why_undo_unsaved_.clear();
  } catch (const Error& error) {
    why_undo_unsaved_ = error.what();
    throw;
  }
}

void Firewall::put_in_force(const Undo& undo) {
  NextChains chains;
  for (const ChainUndo& part : undo.chains) {
    ChainRules former = part.before;
    forget_lost_counters(former, *rules_.rules(part.chain));
    chains.emplace(part.chain, std::move(former));
  }
  if (undo.chains.empty() && undo.sets.size() == 1) {  // it may be a built-in one, and concerns no rule
    perform(sets_.take(undo.sets.front().set, undo.sets.front().remove).first);
    perform(sets_.add(undo.sets.front().set, undo.sets.front().put));
    return;
  }
  NextSets sets;
  for (const SetUndo& part : undo.sets) {
    sets.push_back({part.set, content_before(content_of(sets_, part.set), part)});
  }
  switch_to(std::move(chains), sets, nullptr);
}

void Firewall::save(const Undo& undo) {
  if (!undo.chains.empty()) {
    rules_.save();
  }
  for (const SetUndo& part : undo.sets) {
    sets_.save_whole(part.set);
    if (part.made && rules_.uses_of(part.set) == 0 && sets_.in_memory().size(part.set) == 0) {
      perform(sets_.remove(part.set));
      sets_.save_removed(part.set);
    }
  }
}

void Firewall::change_chain_to(Chain chain, ChainRules next, const ChangeTerms& terms) {
  unconfirmed_.check_other(chain);
  LockoutCheck::NextChains judged{};
  judged.at(static_cast<std::size_t>(chain)) = &next;
  lockout_.replace_rules(judged, {}, terms);
  const auto make_undo = [&] {
    Undo undo;
    undo.chains.push_back({chain, *rules_.rules(chain)});
    return undo;
  };
  with_undo(terms, make_undo, [&] { install(chain, std::move(next)); });
}

Firewall::Applied Firewall::apply_to(Chain chain, const ChainRules& from, const Batch& batch,
                                     const ChangeTerms& terms) {
  BatchResult result = perform_batch(from, batch, sets_.names());
  check_interfaces(chain, result.chain.rules);
  check_watched(result.chain.rules, from.rules, installation_.interfaces(chain));
  change_chain_to(chain, std::move(result.chain), terms);
  return {rules_.rules(chain)->rules.size(), std::move(result.changes), std::move(result.twice)};
}

Firewall::Applied Firewall::apply(Chain chain, const Batch& batch, const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  return apply_to(chain, *rules_.rules(chain), batch, terms);
}

Firewall::Applied Firewall::preview(Chain chain, const Batch& batch) const {
  const ChangeLock::Pause pause(lock_);
  const auto now = rules_.rules(chain);
  BatchResult result = perform_batch(*now, batch, sets_.names());
  check_interfaces(chain, result.chain.rules);
  check_watched(result.chain.rules, now->rules, installation_.interfaces(chain));
  return {result.chain.rules.size(), std::move(result.changes), std::move(result.twice)};
}

std::size_t Firewall::replace_rules(Chain chain, const Batch& batch, const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  ChainRules empty = *rules_.rules(chain);
  empty.rules.clear();
  return apply_to(chain, empty, batch, terms).rules;
}

std::map<Chain, ChainChange> Firewall::chain_changes(const Ruleset& ruleset) const {
  check_set_names(ruleset, sets_.names());
  std::map<Chain, ChainChange> changes;
  for (const Chain chain : kChains) {
    if (ruleset.of(chain)) {
      ChainChange change = replace_chain(*rules_.rules(chain), *ruleset.of(chain), options_.now());
      check_interfaces(chain, change.next.rules);
      check_watched(change.next.rules, rules_.rules(chain)->rules, installation_.interfaces(chain));
      changes.emplace(chain, std::move(change));
    }
  }
  return changes;
}

// Those whose content is another.
Firewall::NextSets Firewall::set_changes(const Ruleset& ruleset) const {
  NextSets changes;
  for (const RulesetSet& set : ruleset.sets) {
    if (AddressSets::built_in(set.name)) {
      throw BatchError({"sets." + set.name + ": it is built in, and no part of a ruleset; 'nicsentry sets load " +
                        set.name + " FILE' replaces its content"});
    }
    const EntriesByRange wanted = wanted_entries(set, options_.now());
    if (!sets_.exists(set.name) || by_range(content_of(sets_, set.name)) != wanted) {
      changes.push_back({set.name, entries_of(wanted)});
    }
  }
  return changes;
}

Undo Firewall::undo_of(const NextChains& chains, const NextSets& sets) const {
  Undo undo;
  for (const auto& [chain, next] : chains) {
    undo.chains.push_back({chain, *rules_.rules(chain)});
  }
  for (const SetFiles::Set& set : sets) {
    const bool made = !sets_.exists(set.name);
    undo.sets.push_back(undo_of_replacing(set.name, made, content_of(sets_, set.name), set.entries).sets.front());
  }
  return undo;
}

// New content stands beside the old one, under a name that no rule has, until rules are compiled that name it. So
// chains and the content of sets change by one word of each attachment.
void Firewall::switch_to(NextChains chains, const NextSets& sets, const SaveChanges& save) {
  std::vector<std::string> beside;
  std::vector<std::string> swapped;
  std::map<std::string, Differing> entries;  // of swapped sets
  try {
    for (const SetFiles::Set& set : sets) {
      perform(sets_.exists(set.name) ? sets_.make_shadow(set.name, set.entries) : sets_.add(set.name, set.entries));
      beside.push_back(set.name);
    }
    for (const std::string& set : beside) {
      for (const Chain chain : kChains) {
        if (!chains.contains(chain) && uses_of(*rules_.rules(chain), set) != 0) {
          chains.emplace(chain, *rules_.rules(chain));
        }
      }
      if (sets_.has_shadow(set)) {
        const std::vector<SetEntry> former = sets_.entries(set);
        sets_.swap_shadow(set);
        swapped.push_back(set);
        if (options_.count_hits) {
          entries[set] = differing(former, sets_.entries(set));
          installation_.count_hits(set, entries[set].added);
        }
      }
    }
    install(std::move(chains), save);
  } catch (...) {
    for (const std::string& set : swapped) {
      sets_.swap_shadow(set);
      installation_.forget_hits(set, entries[set].added, sets_.in_memory());
    }
    for (const std::string& set : beside) {
      perform(sets_.has_shadow(set) ? sets_.remove_shadow(set) : sets_.remove(set));
    }
    throw;
  }
  for (const std::string& set : swapped) {
    perform(sets_.remove_shadow(set));
    installation_.forget_hits(set, entries[set].removed, sets_.in_memory());
  }
  if (!swapped.empty()) {
    save_classes();
  }
}

// Rules are in one file, each set in another: what dies between them is taken back by the next run.
void Firewall::switch_and_save(const NextChains& chains, const NextSets& sets) {
  const Undo undo = undo_of(chains, sets);
  const bool several = state_ != nullptr && !sets.empty();
  const auto finish = [&] {
    if (!several) {
      return;
    }
    try {
      state_->forget_unfinished();
    } catch (const Error& error) {
      options_.warning(std::string("the next run will take back ") + undo.what() + ": " + error.what());
    }
  };
  try {
    switch_to(chains, sets, [&](std::span<const RuleStore::Change* const> changes) {
      if (several) {
        state_->save_unfinished(undo);
      }
      for (const SetFiles::Set& set : sets) {
        sets_.save_next(set.name);
      }
      rules_.save(changes);
    });
  } catch (...) {
    for (const SetFiles::Set& set : sets) {
      sets_.save_former(set.name);
    }
    finish();
    throw;
  }
  finish();
}

Firewall::Loaded Firewall::load(const Ruleset& ruleset, const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  const std::map<Chain, ChainChange> changes = chain_changes(ruleset);
  const NextSets sets = set_changes(ruleset);
  NextChains chains;
  LockoutCheck::NextChains judged{};
  Loaded loaded;
  for (const auto& [chain, next] : changes) {
    unconfirmed_.check_other(chain);  // also where it is as the ruleset has it: that would be taken back
    const auto now = rules_.rules(chain);
    const auto kept = static_cast<std::size_t>(
        std::count_if(next.former.begin(), next.former.end(), [](const auto& id) { return id.has_value(); }));
    const bool changed = !differences(chain, *now, next, options_.now()).empty();
    loaded.chains.at(static_cast<std::size_t>(chain)) =
        LoadedChain{next.next.rules.size(), kept, now->rules.size() - kept, changed};
    if (changed) {
      judged.at(static_cast<std::size_t>(chain)) = &next.next;
      chains.emplace(chain, next.next);
    }
  }
  for (const SetFiles::Set& set : sets) {
    unconfirmed_.check_other(set.name);
  }
  if (!chains.empty() || !sets.empty()) {
    lockout_.replace_rules(judged, sets, terms);
    with_undo(
        terms, [&] { return undo_of(chains, sets); }, [&] { switch_and_save(chains, sets); });
  }
  for (const RulesetSet& set : ruleset.sets) {
    const bool changed =
        std::any_of(sets.begin(), sets.end(), [&set](const auto& one) { return one.name == set.name; });
    loaded.sets.push_back({set.name, sets_.in_memory().size(set.name), changed});
  }
  return loaded;
}

ordered_json Firewall::compare(const Ruleset& ruleset) const {
  const ChangeLock::Pause pause(lock_);
  ordered_json list = ordered_json::array();
  for (const auto& [chain, change] : chain_changes(ruleset)) {
    for (ordered_json& difference : differences(chain, *rules_.rules(chain), change, options_.now())) {
      list.push_back(std::move(difference));
    }
  }
  for (const SetFiles::Set& set : set_changes(ruleset)) {
    if (sets_.exists(set.name)) {
      list.push_back(set_difference(set.name, sets_.entries(set.name), set.entries));
    } else {
      list.push_back({{"set", set.name}, {"difference", "added"}, {"entries", set.entries.size()}});
    }
  }
  return list;
}

ordered_json Firewall::ruleset() const {
  const ChangeLock::Pause pause(lock_);
  ordered_json sets = ordered_json::object();
  for (const std::string& set : sets_.names()) {
    if (!AddressSets::built_in(set)) {
      sets[set] = set_entries_json(sets_.entries(set));
    }
  }
  return {{"version", kStateFormat},
          {"ingress", ruleset_json(*rules_.rules(Chain::ingress))},
          {"egress", ruleset_json(*rules_.rules(Chain::egress))},
          {"sets", std::move(sets)}};
}

template <typename Set>
void Firewall::change_chain(Chain chain, Set set, const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  ChainRules next = *rules_.rules(chain);
  set(next);
  change_chain_to(chain, std::move(next), terms);
}

std::vector<std::string> Firewall::set_default(Chain chain, RuleAction action, const ChangeTerms& terms) {
  std::vector<std::string> cut_off;
  const auto set = [&](ChainRules& next) {
    next.default_action = action;
    if (terms.yes) {
      cut_off = cut_off_by(chain, next, terms.caller);
    }
  };
  change_chain(chain, set, terms);
  return cut_off;
}

// An error here does not stop a change that is wanted in any case.
std::vector<std::string> Firewall::cut_off_by(Chain chain, const ChainRules& next, const Caller& caller) const {
  LockoutCheck::NextChains judged{};
  judged.at(static_cast<std::size_t>(chain)) = &next;
  try {
    return lockout_.cut_off_by(judged, caller);
  } catch (const SystemError& error) {
    return {std::string("not known: ") + error.what()};
  }
}

void Firewall::accept_established(Chain chain, bool on, const ChangeTerms& terms) {
  change_chain(
      chain, [on](ChainRules& next) { next.accept_established = on; }, terms);
}

void Firewall::drop_unjudged(Chain chain, bool on, const ChangeTerms& terms) {
  change_chain(
      chain, [on](ChainRules& next) { next.drop_unjudged = on; }, terms);
}

void Firewall::set_non_ip(Chain chain, std::optional<std::vector<std::uint16_t>> types, const ChangeTerms& terms) {
  change_chain(
      chain, [&types](ChainRules& next) { next.non_ip = std::move(types); }, terms);
}

void Firewall::reset_counters() {
  counters_.reset();
  const Pause pause(*this);
  installation_.forget_limited();
}

Firewall::ChainView Firewall::view(Chain chain, std::chrono::nanoseconds max_age) const {
  const auto reading = counters_.read(chain, max_age);
  const std::vector<rule_counter>& counts = reading->counts;
  const Compiled& compiled = reading->installed->compiled;
  ChainView view;
  view.chain = reading->installed->chain;
  view.counts.assign(counts.begin() + COUNTER_FIRST_RULE, counts.end());
  view.by_default = counts.at(COUNTER_DEFAULT);
  view.established = counts.at(COUNTER_ESTABLISHED);
  view.blocked = counts.at(COUNTER_BLOCKED);
  view.dropped = counts.at(COUNTER_DROPPED);
  view.non_ip = counts.at(COUNTER_NON_IP);
  for (std::size_t cause = 0; cause < CAUSES; ++cause) {
    view.unjudged.at(cause) = counts.at(COUNTER_UNJUDGED + 1 + cause);
  }
  view.chunks = compiled.chunks();
  view.rows = compiled.row_count();
  view.nodes = compiled.tables.nodes.size();
  view.bits = compiled.tables.bits.size();
  view.room = bank_place(options_.size, 0);
  return view;
}

std::vector<Firewall::SetView> Firewall::sets() const {
  std::vector<SetView> views = sets_.views();
  for (SetView& view : views) {
    view.used_by_rules = rules_.uses_of(view.name);
  }
  return views;
}

std::vector<Firewall::EntryHits> Firewall::hits(const std::string& set) const {
  if (!options_.count_hits) {
    throw Conflict("the run does not count the hits of entries: start it with --count-hits");
  }
  const auto maps = installation_.counting();
  const std::vector<SetEntry> entries = sets_.entries(set);
  const auto read = [&maps](const hit_key& key) {
    std::optional<rule_counter> sum;
    for (const auto& one : maps) {
      if (const auto count = one->read_hits(key)) {
        sum = sum.value_or(rule_counter{});
        sum->packets += count->packets;
        sum->bytes += count->bytes;
      }
    }
    return sum;
  };
  const auto counts = hits_of(set, entries, read);
  std::vector<EntryHits> hits;
  hits.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    hits.push_back({entries[i], counts[i]});
  }
  return hits;
}

void Firewall::perform(const SetUpdate& update) {
  adoption_.sets_changed();
  if (!update.new_classes.empty()) {
    save_classes();
  }
  installation_.perform(update, sets_.in_memory());
  judge_by_blocked();
  expiry_->wake();
}

// The first blocked address makes a chain restrict something, and with the last one it ends: of chains that have
// nothing else.
void Firewall::judge_by_blocked() {
  const bool blocks = sets_.in_memory().size(kBlockedSet) != 0;
  for (const Chain chain : kChains) {
    const auto installed = rules_.installed(chain);
    const bool drops = installed->compiled.tables.banks[0].unjudged != 0;
    if (drops != (installed->chain.drop_unjudged && restricts(installed->chain, blocks))) {
      install(chain, installed->chain, Save::by_caller);  // the rules are as they were
    }
  }
}

Firewall::Added Firewall::add_to_set(const std::string& set, std::span<const SetEntry> asked,
                                     const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  const auto [entries, added] =
      sets_.addition(set, asked, terms.shorten ? SetStore::Ends::as_asked : SetStore::Ends::later_one);
  lockout_.add_to_set(set, entries, terms);
  const auto make_undo = [&, &entries = entries] {
    return undo_of_adding(set, !sets_.exists(set), content_of(sets_, set), entries);
  };
  with_undo(terms, make_undo, [&, &entries = entries] { perform(sets_.add(set, entries)); });
  if (!terms.confirm) {
    unconfirmed_.leave(set, ranges_of(asked));
  }
  sets_.save_added(set, entries);
  return added;
}

Firewall::Taken Firewall::take_from_set(const std::string& set, std::span<const AddressRange> ranges,
                                        const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  lockout_.take_from_set(set, ranges, terms);
  const auto make_undo = [&] { return undo_of_taking(set, sets_.entries(set), ranges); };
  Taken taken;
  with_undo(terms, make_undo, [&] {
    SetUpdate update;
    std::tie(update, taken) = sets_.take(set, ranges);
    perform(update);
  });
  if (!terms.confirm) {
    unconfirmed_.leave(set, ranges);
  }
  sets_.save_taken(set, ranges);
  return taken;
}

std::size_t Firewall::replace_set(const std::string& set, std::span<const SetEntry> entries, const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  unconfirmed_.check_other(set);
  lockout_.replace_set(set, entries, terms);
  if (entries.empty() && !terms.allow_empty) {
    check_may_be_empty(set);
  }
  const auto make_undo = [&] { return undo_of_replacing(set, !sets_.exists(set), content_of(sets_, set), entries); };
  with_undo(terms, make_undo, [&] { perform(sets_.replace(set, entries)); });
  sets_.save_whole(set);
  return sets_.in_memory().size(set);
}

// A list that could not be fetched is often an empty file.
void Firewall::check_may_be_empty(const std::string& set) const {
  if (!sets_.exists(set) || sets_.in_memory().size(set) == 0) {
    return;
  }
  const std::size_t rules = rules_.uses_of(set);
  if (rules != 0 || AddressSets::built_in(set)) {
    throw Conflict("address set '" + set + "': it would have no entries, and " +
                   (rules == 0   ? std::string("packets are judged by it")
                    : rules == 1 ? std::string("a rule names it")
                                 : std::to_string(rules) + " rules name it") +
                   "; to empty it all the same: --allow-empty");
  }
}

void Firewall::remove_set(const std::string& set, const ChangeTerms& terms) {
  const Change change(*this);
  terms.require();
  if (const std::size_t rules = rules_.uses_of(set); rules != 0) {
    throw Conflict(
        "address set '" + set + "': " + std::to_string(rules) +
        (rules == 1 ? " rule names it; delete or update it first" : " rules name it; delete or update them first"));
  }
  unconfirmed_.check_other(set);
  perform(sets_.remove(set));
  sets_.save_removed(set);
}

void Firewall::expire_rules(Chain chain, TimestampNs now_ns) {
  ChainRules next = *rules_.rules(chain);
  const auto ended = [now_ns](const Rule& rule) { return rule.expires_ns && *rule.expires_ns <= now_ns; };
  if (std::erase_if(next.rules, ended) == 0) {
    return;
  }
  install(chain, std::move(next), Save::by_caller);
  try {
    rules_.save();
  } catch (const Error& error) {  // a run that loads the file leaves out what ended
    options_.warning(std::string("a rule that ended is not in force any more, but still in the state directory: ") +
                     error.what());
  }
}

// Entries first: their removal needs neither room in the tables nor on the disk.
void Firewall::expire(TimestampNs now_ns) {
  const Change change(*this);
  if (const auto end = sets_.next_end(); end && *end <= now_ns) {
    perform(sets_.expire(now_ns));
  }
  mend(now_ns);
  std::exception_ptr failure;
  const auto attempt = [&failure](auto act) {
    try {
      act();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  save_again(now_ns);
  if (Undo* undo = unconfirmed_.undo(); undo != nullptr && (undo->taken_back || undo->due_ns <= now_ns)) {
    attempt([&] { take_back(*undo, Because::unconfirmed); });
  }
  for (const Chain chain : kChains) {
    attempt([&] { expire_rules(chain, now_ns); });
  }
  if (failure != nullptr) {
    std::rethrow_exception(failure);
  }
}

std::optional<TimestampNs> Firewall::next_end() const {
  {
    const std::lock_guard lock(gone_mutex_);
    if (!renamed_.empty()) {
      return TimestampNs{0};
    }
  }
  std::optional<TimestampNs> next;
  const TimestampNs mend_at = mend_at_;
  const TimestampNs save_at = save_at_;
  const auto waiting = unconfirmed();
  const auto due = waiting ? std::optional(waiting->first) : std::nullopt;
  for (const auto& one :
       {rules_.next_end(), sets_.next_end(), due, mend_at != 0 ? std::optional(mend_at) : std::nullopt,
        save_at != 0 ? std::optional(save_at) : std::nullopt}) {
    next = next && one ? std::min(next, one) : next ? next : one;
  }
  return next;
}

// With the lock held, like mend().
void Firewall::plan_mending() {
  if (!installation_.any_failing()) {
    mend_at_ = 0;
  } else if (mend_at_ == 0) {
    mend_after_ = kFirstMending;
    mend_at_ = options_.now() + mend_after_.count();
    expiry_->wake();
  }
}

void Firewall::mend(TimestampNs now_ns) {
  if (mend_at_ == 0 || mend_at_ > now_ns) {
    return;
  }
  installation_.mend(rules_, sets_.in_memory());
  mend_after_ = std::min(2 * mend_after_, kLastMending);
  mend_at_ = now_ns + mend_after_.count();  // plan_mending() takes it back where all is well
}

std::optional<std::string> Firewall::unsaved() const {
  const std::lock_guard lock(unsaved_mutex_);
  return unsaved_.empty() ? std::nullopt : std::optional(unsaved_);
}

// With the lock held, like those that follow.
std::string Firewall::describe_unsaved() {
  std::string what;
  std::string reason;
  const auto add = [&](const std::string& part, const std::string& why) {
    what += (what.empty() ? "" : ", ") + part;
    reason = why;
  };
  const SetStore::Unsaved sets = sets_.unsaved();
  for (const std::string& set : sets.sets) {
    add("the set '" + set + "'", sets.reason);
  }
  if (sets.classes) {
    add("how the programs have the sets", sets.reason);
  }
  if (!rules_.unsaved().empty()) {
    add("the rules", rules_.unsaved());
  }
  if (unconfirmed_.to_be_saved()) {
    add(unconfirmed_.undo()->what() + " that was taken back", why_undo_unsaved_);
  }
  return what.empty() ? "" : what + ": " + reason;
}

void Firewall::plan_saving() noexcept {
  try {
    std::string text = describe_unsaved();
    if (text.empty() && !sets_.classes_in_memory()) {
      save_at_ = 0;
    } else if (save_at_ == 0) {
      save_after_ = kFirstSaving;
      save_at_ = options_.now() + save_after_.count();
      expiry_->wake();
    }
    const std::lock_guard lock(unsaved_mutex_);
    if (!text.empty() && unsaved_.empty()) {
      options_.warning("in force, but not saved, which is tried again: " + text);
    }
    const bool mended = text.empty() && !unsaved_.empty();
    unsaved_ = std::move(text);
    if (mended) {
      options_.warning("all that is in force is saved again");
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory; the next change says it
  }
}

void Firewall::save_again(TimestampNs now_ns) {
  if (save_at_ == 0 || save_at_ > now_ns) {
    return;
  }
  save_after_ = std::min(2 * save_after_, kLastSaving);
  save_at_ = now_ns + save_after_.count();  // plan_saving() takes it back where all is saved
  sets_.save_unsaved();
  if (!rules_.unsaved().empty()) {
    try {
      rules_.save();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): unsaved() has it
    }
  }
}

}  // namespace nicsentry
