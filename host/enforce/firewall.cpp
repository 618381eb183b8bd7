// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <numeric>
#include <random>
#include <utility>

#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/datapath/quiescence.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"

namespace nicsentry {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr std::uint32_t kNoRule = ~std::uint32_t{0};
constexpr auto kRetry = 1s;

std::array<std::uint32_t, FIREWALL_KEYS> random_set_keys() {
  std::random_device random;
  std::array<std::uint32_t, FIREWALL_KEYS> keys{};
  for (std::uint32_t& key : keys) {
    key = random();
  }
  return keys;
}

void add(rule_counter& to, const rule_counter& more) {
  to.packets += more.packets;
  to.bytes += more.bytes;
}

bool names_set(const AddressMatch& match, const std::string& set) {
  const auto names = [&set](const std::vector<std::string>& sets) {
    return std::find(sets.begin(), sets.end(), set) != sets.end();
  };
  return names(match.sets) || names(match.except_sets);
}

// Those of what comes before rules, each at the place of its number, and those of the rules.
std::vector<std::uint32_t> counters_of(const ChainRules& chain) {
  std::vector<std::uint32_t> ids(COUNTER_FIRST_RULE);
  std::iota(ids.begin(), ids.end(), 0U);
  for (const Rule& rule : chain.rules) {
    ids.push_back(rule.counter);
  }
  return ids;
}

}  // namespace

Chain chain_of(Hook hook) { return hook == Hook::tc_egress ? Chain::egress : Chain::ingress; }

Firewall::Firewall(Options options) : options_(std::move(options)), sets_(set_room(options_.size), random_set_keys()) {
  FirewallState::Chains chains;
  if (options_.state) {
    state_.emplace(*options_.state);
    for (const FirewallState::Set& set : state_->load_sets(wall_clock_ns())) {
      if (!sets_.exists(set.name)) {
        sets_.create(set.name);
      }
      sets_.add(set.name, set.entries);
    }
    chains = state_->load_rules(sets_.names(), wall_clock_ns());
    former_classes_ = state_->load_classes();
  }
  load(chains);
  thread_ = std::thread([this] { serve_ends(); });
}

Firewall::~Firewall() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Firewall::load(const FirewallState::Chains& chains) {
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    ChainRules next = chain == Chain::ingress ? chains.ingress : chains.egress;
    ids_.assign(rules(chain), next);
    tables_.at(static_cast<std::size_t>(chain)) = compile(chain, next, 0);
    rules(chain) = std::move(next);
  }
}

Firewall::Tables Firewall::compile(Chain chain, const ChainRules& next, unsigned bank) const {
  auto tables = std::make_shared<InstalledChain>();
  tables->chain = next;
  CompileInput input;
  input.chain = chain;
  input.rules = &tables->chain;
  input.set_bit = [this](const std::string& set) {
    const auto bit = sets_.bit(set);
    if (!bit) {
      throw Error("address set '" + set + "': there is no such set");
    }
    return *bit;
  };
  input.classes = sets_.classes();
  input.place = bank_place(options_.size, bank);
  tables->compiled = compile_chain(input);
  return tables;
}

template <typename Act>
void Firewall::on_attachments(Act act) {
  std::erase_if(attachments_, [&](const auto& attachment) {
    try {
      act(*attachment);
      return false;
    } catch (const Error& error) {
      options_.warning(std::string("the firewall's ") + chain_name(attachment->chain()) +
                       " rules: a port is left out: " + error.what());
      return true;
    }
  });
}

void Firewall::note_tables(const EnforcingAttachment& attachment) {
  const std::lock_guard lock(decided_mutex_);
  decided_[attachment.maps()] = {attachment.installed(0), attachment.installed(1)};
}

void Firewall::add_attachment(std::shared_ptr<FirewallMaps> maps, Chain chain) {
  const std::lock_guard lock(mutex_);
  if (size_of(*maps) != options_.size) {
    throw Error("the program's firewall has maps of another size than this run's; detach it first");
  }
  auto attachment = std::make_unique<EnforcingAttachment>(std::move(maps), chain);
  attachment->reset_counters(counters_of(rules(chain)));
  const bool enforcing = attachment->on();
  if (enforcing && !state_ && !std::exchange(warned_of_loss_, true)) {
    options_.warning(
        "a program that is taken over enforces rules and sets that this run does not know (what is blocked, too): they "
        "are dropped now; with --state DIRECTORY a run goes on with those of the run before it");
  }
  const std::optional<SetUpdate> continued = enforcing ? continue_sets(*attachment) : std::nullopt;
  const SetUpdate update =
      continued ? *continued
                : sets_.whole(attachment->untouched() ? AddressSets::Maps::zero : AddressSets::Maps::unknown);
  save_classes();
  const auto perform_steps = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      attachment->perform(update.steps[i]);
      if (enforcing) {
        wait_for_processors();
      }
    }
  };
  // Where the old rules' classes of addresses are not the new ones', no address is in a class while the rules change.
  const std::size_t before = continued ? 0 : enforcing ? update.steps.size() - 1 : update.steps.size();
  perform_steps(0, before);
  attachment->fill(compile(chain, rules(chain), attachment->idle_bank()));
  note_tables(*attachment);
  attachment->flip();
  if (enforcing) {
    wait_for_processors();
    attachment->reset_counters(
        counters_of(rules(chain)));  // until here the old rules have counted, in numbers of their own
  }
  perform_steps(before, update.steps.size());
  attachments_.push_back(std::move(attachment));
}

// Nothing where the sets on a program are not those of the state directory.
std::optional<SetUpdate> Firewall::continue_sets(const EnforcingAttachment& attachment) {
  if (!former_classes_ || attachment.set_keys() != former_classes_->keys) {
    return std::nullopt;
  }
  try {
    AddressSets::InForce found = attachment.sets_in_force();
    if (!continued_) {
      SetUpdate update = sets_.take_over(found, former_classes_->names);
      continued_ = Continued{std::move(found), std::move(update)};
      // What came into charge a moment ago has the addresses at places that are not theirs any more.
      const SetUpdate whole = sets_.whole(AddressSets::Maps::unknown);
      on_attachments([&whole](EnforcingAttachment& other) {
        for (const SetUpdate::Step& step : whole.steps) {
          other.perform(step);
        }
      });
      return continued_->update;
    }
    return found == continued_->from ? std::optional(continued_->update) : std::nullopt;
  } catch (const Error& error) {
    options_.warning(std::string("sets are empty for a moment while they are taken over: ") + error.what());
    return std::nullopt;
  }
}

// Before what is numbered anew comes into force. The sets are more than what a later run needs to go on at once.
void Firewall::save_classes() {
  if (!state_) {
    return;
  }
  try {
    state_->save_classes({sets_.keys(), sets_.class_names()});
  } catch (const Error& error) {
    state_->forget_classes();
    options_.warning(std::string("a later run will take the sets over with a moment in which they are empty: ") +
                     error.what());
  }
}

int Firewall::answers_fd() const {
  const std::lock_guard lock(mutex_);
  for (const auto& attachment : attachments_) {
    if (attachment->maps()->answers_fd() >= 0) {
      return attachment->maps()->answers_fd();
    }
  }
  return -1;
}

void Firewall::remove_attachment(const FirewallMaps* maps) {
  const std::lock_guard lock(mutex_);
  std::erase_if(attachments_, [maps](const auto& attachment) { return attachment->maps() == maps; });
  const std::lock_guard decided(decided_mutex_);
  decided_.erase(maps);
}

void Firewall::keep_attachments(const std::vector<const FirewallMaps*>& maps) {
  const std::lock_guard lock(mutex_);
  continued_.reset();
  std::erase_if(attachments_, [&maps](const auto& attachment) {
    return std::find(maps.begin(), maps.end(), attachment->maps()) == maps.end();
  });
}

// All that can fail comes before the first attachment is switched.
void Firewall::install(Chain chain, ChainRules next) {
  const std::vector<std::uint32_t> given = ids_.assign(rules(chain), next);
  std::array<Tables, 2> tables;
  try {
    for (const auto& attachment : attachments_) {
      if (Tables& needed = tables.at(attachment->idle_bank()); attachment->chain() == chain && needed == nullptr) {
        needed = compile(chain, next, attachment->idle_bank());
      }
    }
    if (tables[0] == nullptr && tables[1] == nullptr) {
      tables[0] = compile(chain, next, 0);
    }
    for (const auto& attachment : attachments_) {
      if (attachment->chain() == chain) {
        attachment->reset_counters(given);
        attachment->fill(tables.at(attachment->idle_bank()));
        note_tables(*attachment);
      }
    }
    save_rules(chain, next);
  } catch (...) {
    ids_.settle(next, rules(chain));
    throw;
  }
  on_attachments([chain](EnforcingAttachment& attachment) {
    if (attachment.chain() == chain) {
      attachment.flip();
    }
  });
  wait_for_processors();
  ids_.settle(rules(chain), next);
  rules(chain) = std::move(next);
  tables_.at(static_cast<std::size_t>(chain)) = tables[0] != nullptr ? tables[0] : tables[1];
  changed_.notify_all();
}

void Firewall::save_rules(Chain chain, const ChainRules& next) const {
  if (state_) {
    state_->save_rules(chain == Chain::ingress ? next : rules(Chain::ingress),
                       chain == Chain::egress ? next : rules(Chain::egress));
  }
}

std::size_t Firewall::apply(Chain chain, const nlohmann::json& batch, bool anew) {
  const std::lock_guard lock(mutex_);
  ChainRules from = rules(chain);
  if (anew) {
    from.rules.clear();
  }
  install(chain, apply_batch(from, batch, sets_.names(), wall_clock_ns()));
  return rules(chain).rules.size();
}

void Firewall::set_default(Chain chain, RuleAction action) {
  const std::lock_guard lock(mutex_);
  ChainRules next = rules(chain);
  next.default_action = action;
  install(chain, std::move(next));
}

void Firewall::accept_established(Chain chain, bool on) {
  const std::lock_guard lock(mutex_);
  ChainRules next = rules(chain);
  next.accept_established = on;
  install(chain, std::move(next));
}

void Firewall::reset_counters() {
  const std::lock_guard lock(mutex_);
  on_attachments(
      [this](EnforcingAttachment& attachment) { attachment.reset_counters(counters_of(rules(attachment.chain()))); });
}

Firewall::ChainView Firewall::view(Chain chain) const {
  const std::lock_guard lock(mutex_);
  ChainView view;
  view.chain = rules(chain);
  view.counts.resize(view.chain.rules.size());
  for (const auto& attachment : attachments_) {
    if (attachment->chain() != chain) {
      continue;
    }
    const std::vector<rule_counter> counts = attachment->counts(counters_of(view.chain));
    for (std::size_t i = 0; i < view.counts.size(); ++i) {
      add(view.counts[i], counts.at(COUNTER_FIRST_RULE + i));
    }
    add(view.by_default, counts.at(COUNTER_DEFAULT));
    add(view.established, counts.at(COUNTER_ESTABLISHED));
    add(view.blocked, counts.at(COUNTER_BLOCKED));
    add(view.dropped, counts.at(COUNTER_DROPPED));
  }
  const Compiled& compiled = tables_.at(static_cast<std::size_t>(chain))->compiled;
  view.chunks = compiled.chunks();
  view.rows = compiled.row_count();
  view.nodes = compiled.tables.nodes.size();
  view.bits = compiled.tables.bits.size();
  view.room = bank_place(options_.size, 0);
  return view;
}

void Firewall::hold(Chain chain, const std::function<void(const ChainRules&, const AddressSets&)>& act) const {
  const std::lock_guard lock(mutex_);
  act(rules(chain), sets_);
}

std::size_t Firewall::uses(const std::string& set) const {
  std::size_t uses = 0;
  for (const ChainRules& chain : chains_) {
    uses += static_cast<std::size_t>(std::count_if(chain.rules.begin(), chain.rules.end(), [&set](const Rule& rule) {
      return names_set(rule.match.source, set) || names_set(rule.match.destination, set);
    }));
  }
  return uses;
}

std::vector<Firewall::SetView> Firewall::sets() const {
  const std::lock_guard lock(mutex_);
  std::vector<SetView> views;
  for (const std::string& name : sets_.names()) {
    views.push_back({name, sets_.size(name), uses(name)});
  }
  return views;
}

std::vector<SetEntry> Firewall::entries(const std::string& set) const {
  const std::lock_guard lock(mutex_);
  return sets_.entries(set);
}

void Firewall::perform(const SetUpdate& update) {
  continued_.reset();
  if (!update.new_classes.empty()) {
    save_classes();
  }
  on_attachments(
      [&](EnforcingAttachment& attachment) { attachment.write_classes(update.new_classes, sets_.classes()); });
  for (const SetUpdate::Step& step : update.steps) {
    on_attachments([&step](EnforcingAttachment& attachment) { attachment.perform(step); });
    if (!attachments_.empty()) {
      wait_for_processors();
    }
  }
  changed_.notify_all();
}

void Firewall::save(const std::function<void(FirewallState&)>& act) {
  if (!state_) {
    return;
  }
  try {
    act(*state_);
  } catch (const Error& error) {
    throw Error(std::string("the change is in force, but not saved: ") + error.what());
  }
}

std::size_t Firewall::add_to_set(const std::string& set, std::span<const SetEntry> entries) {
  const std::lock_guard lock(mutex_);
  const bool made = !sets_.exists(set);
  if (made) {
    check_set_name(set);
    sets_.create(set);
  }
  std::size_t done = 0;
  try {
    perform(sets_.add(set, entries, &done));
  } catch (...) {
    if (made) {
      sets_.remove(set);
    }
    throw;
  }
  save([&](FirewallState& state) { state.save_added(set, entries, [&] { return sets_.entries(set); }); });
  return done;
}

Firewall::Taken Firewall::take_from_set(const std::string& set, std::span<const AddressRange> ranges) {
  const std::lock_guard lock(mutex_);
  Taken taken;
  std::copy_if(ranges.begin(), ranges.end(), std::back_inserter(taken.missing),
               [&](const AddressRange& range) { return !sets_.has_entry(set, range); });
  perform(sets_.take(set, ranges, &taken.changed));
  for (const AddressRange& range : ranges) {
    if (taken.staying.size() == Taken::kStayingMost) {
      break;
    }
    if (const auto wider = sets_.wider_entry(set, range)) {
      taken.staying.emplace_back(range, *wider);
    }
  }
  save([&](FirewallState& state) { state.save_taken(set, ranges, [&] { return sets_.entries(set); }); });
  return taken;
}

std::size_t Firewall::replace_set(const std::string& set, std::span<const SetEntry> entries) {
  const std::lock_guard lock(mutex_);
  const bool made = !sets_.exists(set);
  if (made) {
    check_set_name(set);
    sets_.create(set);
  }
  try {
    perform(sets_.replace(set, entries));
  } catch (...) {
    if (made) {
      sets_.remove(set);
    }
    throw;
  }
  save([&](FirewallState& state) { state.save_set(set, sets_.entries(set)); });
  return sets_.size(set);
}

void Firewall::remove_set(const std::string& set) {
  const std::lock_guard lock(mutex_);
  if (const std::size_t rules = uses(set); rules != 0) {
    throw Error("address set '" + set + "': " + std::to_string(rules) + (rules == 1 ? " rule names" : " rules name") +
                " it; delete or update " + (rules == 1 ? "it" : "them") + " first");
  }
  perform(sets_.remove(set));
  save([&](FirewallState& state) { state.remove_set(set); });
}

void Firewall::expire(TimestampNs now) {
  const std::lock_guard lock(mutex_);
  expire_locked(now);
}

void Firewall::expire_locked(TimestampNs now) {
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    ChainRules next = rules(chain);
    if (std::erase_if(next.rules, [now](const Rule& rule) { return rule.expires_ns && *rule.expires_ns <= now; }) !=
        0) {
      install(chain, std::move(next));
    }
  }
  if (const auto end = sets_.next_end(); end && *end <= now) {
    perform(sets_.expire(now));
  }
}

std::optional<TimestampNs> Firewall::next_end() const {
  std::optional<TimestampNs> next = sets_.next_end();
  for (const ChainRules& chain : chains_) {
    for (const Rule& rule : chain.rules) {
      if (rule.expires_ns && (!next || *rule.expires_ns < *next)) {
        next = rule.expires_ns;
      }
    }
  }
  return next;
}

void Firewall::serve_ends() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = next_end();
    if (!next) {
      changed_.wait(lock);
      continue;
    }
    if (*next > wall_clock_ns()) {
      changed_.wait_until(lock, std::chrono::system_clock::time_point(nanoseconds(*next)));
      continue;
    }
    try {
      expire_locked(wall_clock_ns());
    } catch (const Error& error) {
      options_.warning(std::string("what was to end is still in force: ") + error.what());
      changed_.wait_for(lock, kRetry);
    }
  }
}

std::optional<Firewall::Deciding> Firewall::deciding_rule(const FirewallMaps* maps, std::uint32_t action) const {
  Tables tables;
  {
    const std::lock_guard lock(decided_mutex_);
    const auto known = decided_.find(maps);
    if (known == decided_.end()) {
      return std::nullopt;
    }
    tables = known->second.at(action / ACTION_ROWS % 2);
  }
  const std::uint32_t number = tables != nullptr ? tables->compiled.rule_of(action) : kNoRule;
  if (number == kNoRule) {
    return std::nullopt;
  }
  return Deciding{number, tables->chain.rules.at(number)};
}

}  // namespace nicsentry
