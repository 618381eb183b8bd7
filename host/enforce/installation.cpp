// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/installation.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/quiescence.h"
#include "host/rules/language/number_fields.h"

namespace nicsentry {

Installation::Installation(const FirewallSize& size, CounterCache& counters, DecisionIndex& decisions,
                           std::function<void(const std::string&)> warning)
    : size_(size), counters_(counters), decisions_(decisions), warning_(std::move(warning)) {}

std::shared_ptr<const InstalledChain> Installation::compile(Chain chain, const ChainRules& rules,
                                                            const AddressSets& sets, unsigned bank,
                                                            const std::string& interface, bool limits) const {
  auto tables = std::make_shared<InstalledChain>();
  tables->chain = rules;
  CompileInput input;
  input.chain = chain;
  input.rules = &tables->chain;
  input.set_bit = [&sets](const std::string& set) {
    const auto bit = sets.bit(set);
    if (!bit) {
      throw NotFound("address set '" + set + "': there is no such set");
    }
    return *bit;
  };
  input.classes = sets.classes();
  input.blocks = sets.size(kBlockedSet) != 0;
  if (!interface.empty()) {
    input.interface = interface;
  }
  input.limits = limits;
  input.place = bank_place(size_, bank);
  tables->compiled = compile_chain(input);
  tables->asked = asked_sets(rules, chain, interface, sets);
  tables->set_names = hit_names(sets);
  tables->classes = std::move(input.classes);
  return tables;
}

template <typename Condition>
void Installation::erase_if(Condition condition) {
  const std::lock_guard lock(list_mutex_);
  std::erase_if(attachments_, [&](const Entry& entry) {
    if (!condition(*entry.attachment)) {
      return false;
    }
    counters_.remove(entry.attachment->maps());
    return true;
  });
}

// Writes are of whole elements: once more does no harm.
template <typename Act>
void Installation::on_attachments(Act act) {
  for (Entry& entry : attachments_) {
    if (!entry.failing.empty()) {
      continue;
    }
    try {
      act(*entry.attachment);
    } catch (const Error&) {
      try {
        act(*entry.attachment);
      } catch (const Error& error) {
        set_failing(entry, error.what());
      }
    }
  }
}

void Installation::set_failing(Entry& entry, const std::string& reason) {
  if (entry.failing != reason) {
    warning_(entry.attachment->name() + ": changes of the firewall are not in force there, which goes on as it was; " +
             "they are tried again: " + reason);
  }
  counters_.remove(entry.attachment->maps());  // reading them would fail, too
  const std::lock_guard lock(list_mutex_);
  entry.failing = reason;
}

std::vector<Enforcement::EnforcedAt> Installation::enforced() const {
  const std::lock_guard lock(list_mutex_);
  std::vector<Enforcement::EnforcedAt> places;
  for (const Entry& entry : attachments_) {
    places.push_back({entry.attachment->chain(), entry.attachment->name(), entry.failing});
  }
  return places;
}

bool Installation::any_failing() const {
  const std::lock_guard lock(list_mutex_);
  return std::any_of(attachments_.begin(), attachments_.end(),
                     [](const Entry& entry) { return !entry.failing.empty(); });
}

std::multimap<std::uint32_t, FirewallMaps::Limited> Installation::limited(Chain chain) const {
  std::multimap<std::uint32_t, FirewallMaps::Limited> all;
  for (const Entry& entry : attachments_) {
    if (entry.attachment->chain() == chain) {
      all.merge(entry.attachment->limited());
    }
  }
  return all;
}

void Installation::forget_limited() {
  for (const Entry& entry : attachments_) {
    entry.attachment->shared_maps()->clear_limited();
  }
}

void Installation::mend(const RuleStore& rules, const AddressSets& sets) {
  for (Entry& entry : attachments_) {
    if (entry.failing.empty()) {
      continue;
    }
    try {
      entry.attachment->reload();
      const std::vector<hit_key> old_hits = make_all_hits(*entry.attachment, sets);
      renew(*entry.attachment, rules, sets);
      entry.attachment->shared_maps()->remove_hits(old_hits);
      counters_.add(entry.attachment->shared_maps(), entry.attachment->chain());
      counters_.restart(entry.attachment->maps(), counters_of(*rules.rules(entry.attachment->chain())));
      warning_(entry.attachment->name() + ": all changes of the firewall are in force again");
      const std::lock_guard lock(list_mutex_);
      entry.failing.clear();
    } catch (const Error& error) {
      set_failing(entry, error.what());
    }
  }
}

void Installation::note_banks(const EnforcingAttachment& attachment) {
  decisions_.set(attachment.shared_maps(), {attachment.installed(0), attachment.installed(1)});
}

std::unique_ptr<EnforcingAttachment> Installation::open(std::shared_ptr<FirewallMaps> maps, Chain chain,
                                                        const std::string& name) const {
  if (size_of(*maps) != size_) {
    throw Conflict("the program's firewall has maps of another size than this run's; detach it first");
  }
  return std::make_unique<EnforcingAttachment>(std::move(maps), chain, name);
}

// Packets may be under way only in a program that enforces.
void Installation::perform_steps(EnforcingAttachment& attachment, const Adoption::Plan& plan, std::size_t from,
                                 std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    attachment.perform(plan.sets.steps[i]);
    if (plan.state != AdoptionState::fresh) {
      wait_for_processors();
    }
  }
}

void Installation::switch_rules(EnforcingAttachment& attachment, const ChainRules& rules, const AddressSets& sets) {
  const bool in_use = attachment.on();
  attachment.fill(compile(attachment.chain(), rules, sets, attachment.idle_bank(), attachment.interface(),
                          attachment.maps()->knows_limits()));
  note_banks(attachment);
  attachment.flip();
  if (in_use) {
    wait_for_processors();
  }
}

bool Installation::is_for_card(const EnforcingAttachment& attachment) {
  return !attachment.maps()->expectations_fd().has_value();  // only programs on the host have the map
}

std::string Installation::passes_all(const EnforcingAttachment& attachment) {
  return (attachment.name().empty() ? "the program" : attachment.name()) +
         " is a program for the card, which passes all frames that are no IP";
}

std::string Installation::limits_nothing(const EnforcingAttachment& attachment) {
  return (attachment.name().empty() ? "the program" : attachment.name()) +
         " is a program for the card, which has no limits; modes drv, skb and tc have them, and a card can count "
         "(action count) and block (the set blocked)";
}

// A rule without one of its fields would match other packets.
void Installation::refuse_host_fields(const EnforcingAttachment& attachment, const ChainRules& rules) {
  const auto asked = host_field_asked(rules, attachment.chain(), attachment.interface());
  if (!asked || !is_for_card(attachment)) {
    return;
  }
  throw Conflict(
      "rule with id " + std::to_string(asked->rule) + ": " + number_field_name(asked->field) + ": " +
      (attachment.name().empty() ? "the program" : attachment.name()) +
      " is a program for the card, which does not read it; allowed there are src, dst, l4proto, sport, dport, "
      "tcpflags and conntrack; programs on the host read it: those of --mode drv, skb and tc, and of the egress "
      "chain");
}

void Installation::prepare(std::unique_ptr<EnforcingAttachment> attachment, const Adoption::Plan& plan,
                           const ChainRules& rules, const AddressSets& sets) {
  if (rules.non_ip && is_for_card(*attachment)) {
    warning_(passes_all(*attachment) + "; `rules non-ip` of the state directory has no effect there");
  }
  if (has_limits(rules) && !attachment->maps()->knows_limits()) {
    warning_(limits_nothing(*attachment) + "; rules with action limit have no effect there");
  }
  refuse_host_fields(*attachment, rules);
  const std::vector<std::uint32_t> counters = counters_of(rules);
  counters_.add(attachment->shared_maps(), attachment->chain());
  try {
    counters_.restart(attachment->maps(), counters);
    const std::vector<hit_key> old_hits = make_all_hits(*attachment, sets);
    perform_steps(*attachment, plan, 0, plan.steps_before_rules);
    switch_rules(*attachment, rules, sets);
    if (plan.state != AdoptionState::fresh) {
      counters_.restart(attachment->maps(),
                        counters);  // until here the old rules have counted, in numbers of their own
    }
    perform_steps(*attachment, plan, plan.steps_before_rules, plan.sets.steps.size());
    attachment->shared_maps()->remove_hits(old_hits);
  } catch (...) {
    counters_.remove(attachment->maps());
    throw;
  }
  const std::lock_guard lock(list_mutex_);
  attachments_.push_back({std::move(attachment), {}});
}

void Installation::renew(EnforcingAttachment& attachment, const RuleStore& rules, const AddressSets& sets) {
  const Adoption::Plan plan = Adoption::renewal(sets);
  perform_steps(attachment, plan, 0, plan.steps_before_rules);
  switch_rules(attachment, *rules.rules(attachment.chain()), sets);
  perform_steps(attachment, plan, plan.steps_before_rules, plan.sets.steps.size());
}

void Installation::renew(const RuleStore& rules, const AddressSets& sets) {
  on_attachments([&](EnforcingAttachment& attachment) { renew(attachment, rules, sets); });
}

std::vector<std::shared_ptr<FirewallMaps>> Installation::others(const std::vector<const FirewallMaps*>& maps) const {
  const std::lock_guard lock(list_mutex_);
  std::vector<std::shared_ptr<FirewallMaps>> others;
  for (const Entry& entry : attachments_) {
    if (std::find(maps.begin(), maps.end(), entry.attachment->maps()) == maps.end()) {
      others.push_back(entry.attachment->shared_maps());
    }
  }
  return others;
}

void Installation::leave_out(const std::vector<std::shared_ptr<FirewallMaps>>& maps) {
  erase_if([&maps](const EnforcingAttachment& attachment) {
    return std::find(maps.begin(), maps.end(), attachment.shared_maps()) != maps.end();
  });
}

std::optional<int> Installation::expectations_fd() const {
  for (const Entry& entry : attachments_) {
    if (const auto fd = entry.attachment->maps()->expectations_fd()) {
      return fd;
    }
  }
  return std::nullopt;
}

std::shared_ptr<const InstalledChain> Installation::fill(const RuleStore::Change& change, const AddressSets& sets) {
  const bool by_interface = asks_interface(change.next());
  std::map<std::pair<unsigned, std::string>, std::shared_ptr<const InstalledChain>> tables;  // by bank and interface
  const auto compiled = [&](const EnforcingAttachment& attachment) {
    const std::string interface = by_interface ? attachment.interface() : std::string();
    auto& needed = tables[{attachment.idle_bank(), interface}];
    if (needed == nullptr) {
      needed = compile(change.chain(), change.next(), sets, attachment.idle_bank(), interface);
    }
    return needed;
  };
  const auto concerned = [&change](const Entry& entry) {
    return entry.failing.empty() && entry.attachment->chain() == change.chain();
  };
  for (const Entry& entry : attachments_) {
    if (concerned(entry)) {
      if (change.next().non_ip && is_for_card(*entry.attachment)) {
        throw Conflict("non_ip: " + passes_all(*entry.attachment) + "; allowed is all");
      }
      if (has_limits(change.next()) && !entry.attachment->maps()->knows_limits()) {
        throw Conflict("action limit: " + limits_nothing(*entry.attachment));
      }
      refuse_host_fields(*entry.attachment, change.next());
      compiled(*entry.attachment);
    }
  }
  for (const Entry& entry : attachments_) {
    if (concerned(entry)) {
      const auto& attachment = entry.attachment;
      counters_.restart(attachment->maps(), change.new_counters());
      attachment->fill(compiled(*attachment));
      note_banks(*attachment);
    }
  }
  // Views count what all rules need.
  return by_interface || tables.empty() ? compile(change.chain(), change.next(), sets, 0) : tables.begin()->second;
}

void Installation::rename_ports(const PortNames& names) {
  const std::lock_guard lock(list_mutex_);
  for (const Entry& entry : attachments_) {
    if (const auto found = names.find(entry.attachment->interface()); found != names.end()) {
      entry.attachment->rename_interface(found->second);
    }
  }
}

std::set<std::string> Installation::interfaces(Chain chain) const {
  std::set<std::string> found;
  for (const Entry& entry : attachments_) {
    if (entry.attachment->chain() == chain) {
      found.insert(entry.attachment->interface());
    }
  }
  return found;
}

void Installation::flip(const std::vector<Chain>& chains) {
  on_attachments([&chains](EnforcingAttachment& attachment) {
    if (std::find(chains.begin(), chains.end(), attachment.chain()) != chains.end()) {
      attachment.flip();
    }
  });
  wait_for_processors();
}

void Installation::warn_of_uncounted(const EnforcingAttachment& attachment, const std::string& failure) {
  warning_(attachment.name() + ": packets of some entries of sets are not counted: " + failure);
}

void Installation::count_hits(const std::string& set, const std::vector<AddressRange>& entries) {
  if (!counts_hits(set)) {
    return;
  }
  shared_hits_.add(set, entries);
  std::vector<hit_key> keys;
  for (const AddressRange& entry : entries) {
    const auto of_entry = hit_keys(set, entry);
    keys.insert(keys.end(), of_entry.begin(), of_entry.end());
  }
  for (const Entry& entry : attachments_) {
    if (entry.attachment->maps()->counts_hits()) {
      if (const auto failure = entry.attachment->shared_maps()->make_hits(keys); !failure.empty()) {
        warn_of_uncounted(*entry.attachment, failure);
      }
    }
  }
}

void Installation::forget_hits(const std::string& set, const std::vector<AddressRange>& entries,
                               const AddressSets& sets) {
  if (!counts_hits(set)) {
    return;
  }
  const std::vector<hit_key> unused = shared_hits_.remove(set, entries, sets);
  for (const Entry& entry : attachments_) {
    if (entry.attachment->maps()->counts_hits()) {
      entry.attachment->shared_maps()->remove_hits(unused);
    }
  }
}

// Those of the run before, too, keep their counts. Returns elements of entries that are no more.
std::vector<hit_key> Installation::make_all_hits(const EnforcingAttachment& attachment, const AddressSets& sets) {
  const auto& maps = attachment.shared_maps();
  if (!maps->counts_hits()) {
    return {};
  }
  std::set<HitKeyText> wanted;
  std::vector<hit_key> missing;
  std::vector<hit_key> found = maps->hit_keys();
  for (const std::string& set : sets.names()) {
    if (!counts_hits(set)) {
      continue;
    }
    std::vector<AddressRange> ranges;
    for (const SetEntry& entry : sets.entries(set)) {
      ranges.push_back(entry.range);
      for (const hit_key& key : hit_keys(set, entry.range)) {
        wanted.insert(text_of(key));
        missing.push_back(key);
      }
    }
    if (!knows_shared_hits_) {
      shared_hits_.add(set, ranges);
    }
  }
  knows_shared_hits_ = true;
  if (const auto failure = maps->make_hits(missing); !failure.empty()) {
    warn_of_uncounted(attachment, failure);
  }
  std::erase_if(found, [&wanted](const hit_key& key) { return wanted.contains(text_of(key)); });
  return found;
}

std::vector<std::shared_ptr<FirewallMaps>> Installation::counting() const {
  const std::lock_guard lock(list_mutex_);
  std::vector<std::shared_ptr<FirewallMaps>> maps;
  for (const Entry& entry : attachments_) {
    if (entry.attachment->maps()->counts_hits()) {
      maps.push_back(entry.attachment->shared_maps());
    }
  }
  return maps;
}

void Installation::perform(const SetUpdate& update, const AddressSets& sets) {
  for (const SetUpdate::EntryChange& change : update.entries) {
    count_hits(change.set, change.added);
  }
  on_attachments(
      [&](EnforcingAttachment& attachment) { attachment.write_classes(update.new_classes, sets.classes()); });
  for (const SetUpdate::Step& step : update.steps) {
    on_attachments([&step](EnforcingAttachment& attachment) { attachment.perform(step); });
    if (!attachments_.empty()) {
      wait_for_processors();
    }
  }
  for (const SetUpdate::EntryChange& change : update.entries) {
    forget_hits(change.set, change.removed, sets);
  }
}

}  // namespace nicsentry
