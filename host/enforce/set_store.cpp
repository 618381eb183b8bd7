// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/set_store.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <random>
#include <set>

#include "host/base/error.h"
#include "host/rules/language/address_text.h"

namespace nicsentry {
namespace {

std::array<std::uint32_t, FIREWALL_KEYS> random_set_keys() {
  std::random_device random;
  std::array<std::uint32_t, FIREWALL_KEYS> keys{};
  for (std::uint32_t& key : keys) {
    key = random();
  }
  return keys;
}

bool ends_later(const SetEntry& one, const SetEntry& other) {
  return other.expires_ns && (!one.expires_ns || *one.expires_ns > *other.expires_ns);
}

// Keeps one of equal ranges: the one that ends last, or the last one.
std::vector<SetEntry> without_doubles(std::span<const SetEntry> entries, SetStore::Ends ends) {
  std::vector<SetEntry> sorted(entries.begin(), entries.end());
  std::stable_sort(sorted.begin(), sorted.end(), [ends](const SetEntry& a, const SetEntry& b) {
    return a.range != b.range ? a.range < b.range : ends == SetStore::Ends::later_one && ends_later(b, a);
  });
  const auto kept = std::unique(sorted.rbegin(), sorted.rend(),
                                [](const SetEntry& a, const SetEntry& b) { return a.range == b.range; });
  sorted.erase(sorted.begin(), kept.base());
  return sorted;
}

// No name of a set begins with a blank.
constexpr char kShadow = ' ';

std::string shadow_of(const std::string& set) { return kShadow + set; }

std::vector<std::string> listed_names(const AddressSets& sets) {
  std::vector<std::string> names = sets.names();
  std::erase_if(names, [](const std::string& name) { return name.front() == kShadow; });
  return names;
}

bool allows(const AddressSets& sets, const AddressRange& range) {
  return sets.contains(kAllowedSet, range.first) && sets.contains(kAllowedSet, range.last);
}

}  // namespace

SetStore::SetStore(const AddressSets::Room& room, FirewallState* state, TimestampNs now_ns)
    : state_(state), sets_(room, random_set_keys()) {
  if (state_ == nullptr) {
    return;
  }
  for (const SetFiles::Set& set : state_->sets().load(now_ns)) {
    if (!sets_.exists(set.name)) {
      sets_.create(set.name);
    }
    sets_.add(set.name, set.entries);
  }
}

void SetStore::note_entries() {
  const std::unique_lock lock(mutex_);
  sets_.note_entries();
}

std::vector<std::string> SetStore::names() const {
  const std::shared_lock lock(mutex_);
  return listed_names(sets_);
}

std::vector<Enforcement::SetView> SetStore::views() const {
  const std::shared_lock lock(mutex_);
  std::vector<Enforcement::SetView> views;
  for (const std::string& name : listed_names(sets_)) {
    views.push_back({name, sets_.size(name), 0});
  }
  return views;
}

std::vector<SetEntry> SetStore::entries(const std::string& set) const {
  const std::shared_lock lock(mutex_);
  return sets_.entries(set);
}

bool SetStore::exists(const std::string& set) const {
  const std::shared_lock lock(mutex_);
  return sets_.exists(set);
}

bool SetStore::contains(const std::string& set, const IpAddress& address) const {
  const std::shared_lock lock(mutex_);
  return sets_.contains(set, address);
}

std::optional<TimestampNs> SetStore::next_end() const {
  const std::shared_lock lock(mutex_);
  return sets_.next_end();
}

template <typename Act>
SetUpdate SetStore::make_and(const std::string& set, Act act) {
  const std::unique_lock lock(mutex_);
  const bool made = !sets_.exists(set);
  if (made) {
    check_set_name(set);
    sets_.create(set);
  }
  try {
    return act();
  } catch (...) {
    if (made) {
      sets_.remove(set);
    }
    throw;
  }
}

SetStore::Addition SetStore::addition(const std::string& set, std::span<const SetEntry> entries, Ends ends) const {
  const std::shared_lock lock(mutex_);
  Addition addition;
  Enforcement::Added& added = addition.added;
  const auto note = [](std::size_t& count, std::vector<SetEntry>& some, const SetEntry& present) {
    if (count++ < Enforcement::kNamedMost) {
      some.push_back(present);
    }
  };
  const bool exists = sets_.exists(set);
  const bool any_exempt = set == kBlockedSet && sets_.size(kAllowedSet) != 0;
  for (const SetEntry& entry : without_doubles(entries, ends)) {
    const auto present = exists ? sets_.entry(set, entry.range) : std::nullopt;
    if (any_exempt && added.exempt.size() < Enforcement::kNamedMost && allows(sets_, entry.range)) {
      added.exempt.push_back(entry.range);
    }
    if (present == entry) {
      continue;
    }
    if (present && ends == Ends::later_one && ends_later(*present, entry)) {
      note(added.outlasting, added.longer, *present);
      continue;
    }
    if (present) {
      note(added.renewed, added.former, *present);
    } else {
      if (exists && added.changed < Enforcement::kNamedMost) {
        note_neighbours(added, set, entry.range);
      }
      ++added.changed;
    }
    addition.entries.push_back(entry);
  }
  return addition;
}

// With the lock held.
void SetStore::note_neighbours(Enforcement::Added& added, const std::string& set, const AddressRange& range) const {
  if (const auto wider = sets_.wider_entry(set, range)) {
    added.covered.emplace_back(range, *wider);
  }
  if (const std::size_t narrower = sets_.narrower_entries(set, range); narrower != 0) {
    added.narrower.emplace_back(range, narrower);
  }
}

SetUpdate SetStore::add(const std::string& set, std::span<const SetEntry> entries) {
  return make_and(set, [&] { return sets_.add(set, entries); });
}

SetUpdate SetStore::replace(const std::string& set, std::span<const SetEntry> entries) {
  return make_and(set, [&] { return sets_.replace(set, entries); });
}

std::pair<SetUpdate, Enforcement::Taken> SetStore::take(const std::string& set, std::span<const AddressRange> ranges) {
  const std::unique_lock lock(mutex_);
  Enforcement::Taken taken;
  std::copy_if(ranges.begin(), ranges.end(), std::back_inserter(taken.missing),
               [&](const AddressRange& range) { return !sets_.entry(set, range); });
  SetUpdate update = sets_.remove_entries(set, ranges, &taken.changed);
  for (const AddressRange& range : ranges) {
    if (taken.staying.size() == Enforcement::kNamedMost) {
      break;
    }
    if (const auto wider = sets_.wider_entry(set, range)) {
      taken.staying.emplace_back(range, *wider);
    }
  }
  return {std::move(update), std::move(taken)};
}

SetUpdate SetStore::remove(const std::string& set) {
  const std::unique_lock lock(mutex_);
  return sets_.remove(set);
}

SetUpdate SetStore::make_shadow(const std::string& set, std::span<const SetEntry> entries) {
  const std::unique_lock lock(mutex_);
  const std::string shadow = shadow_of(set);
  sets_.create(shadow);
  try {
    return sets_.add(shadow, entries);
  } catch (...) {
    sets_.remove(shadow);
    throw;
  }
}

void SetStore::swap_shadow(const std::string& set) {
  const std::unique_lock lock(mutex_);
  sets_.swap_names(set, shadow_of(set));
}

SetUpdate SetStore::remove_shadow(const std::string& set) {
  const std::unique_lock lock(mutex_);
  return sets_.remove(shadow_of(set));
}

bool SetStore::has_shadow(const std::string& set) const {
  const std::shared_lock lock(mutex_);
  return sets_.exists(shadow_of(set));
}

SetUpdate SetStore::expire(TimestampNs now_ns) {
  const std::unique_lock lock(mutex_);
  return sets_.expire(now_ns);
}

SetUpdate SetStore::take_over(const AddressSets::InForce& former,
                              const std::vector<std::vector<std::string>>& class_names) {
  const std::unique_lock lock(mutex_);
  return sets_.adopt(former, class_names);
}

// Also what could not be saved before.
template <typename Act>
void SetStore::save(Act act) {
  if (state_ == nullptr) {
    return;
  }
  SetFiles& files = state_->sets();
  try {
    act(files);
  } catch (const Error& error) {
    why_unsaved_ = error.what();
    throw Error(std::string("the change is in force, but not saved, which is tried again: ") + error.what());
  }
  try {
    save_earlier(files);
  } catch (const Error& error) {
    throw Error(std::string("the change is in force and saved, but an earlier one of another set is not: ") +
                error.what());
  }
}

void SetStore::save_earlier(SetFiles& files) {
  const std::set<std::string> earlier = files.unsaved();
  try {
    for (const std::string& set : earlier) {
      if (sets_.exists(set)) {
        files.save(set, sets_.entries(set));
      } else {
        files.remove(set);
      }
    }
  } catch (const Error& error) {
    why_unsaved_ = error.what();
    throw;
  }
}

SetStore::Unsaved SetStore::unsaved() const {
  if (state_ == nullptr) {
    return {};
  }
  const std::set<std::string>& sets = state_->sets().unsaved();
  return {{sets.begin(), sets.end()}, classes_unsaved_, sets.empty() && !classes_unsaved_ ? "" : why_unsaved_};
}

void SetStore::save_unsaved() {
  if (state_ == nullptr) {
    return;
  }
  try {
    save_earlier(state_->sets());
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): unsaved() has it
  }
  if (classes_unsaved_ || classes_in_memory_) {
    std::string reason;
    save_classes(reason);
  }
}

void SetStore::save_added(const std::string& set, std::span<const SetEntry> entries) {
  save([&](SetFiles& files) { files.save_added(set, entries, [&] { return sets_.entries(set); }); });
}

void SetStore::save_taken(const std::string& set, std::span<const AddressRange> ranges) {
  save([&](SetFiles& files) { files.save_taken(set, ranges, [&] { return sets_.entries(set); }); });
}

void SetStore::save_whole(const std::string& set) {
  save([&](SetFiles& files) { files.save(set, sets_.entries(set)); });
}

void SetStore::save_removed(const std::string& set) {
  save([&](SetFiles& files) { files.remove(set); });
}

void SetStore::save_next(const std::string& set) {
  if (state_ != nullptr) {
    state_->sets().save(set, sets_.entries(set));
  }
}

void SetStore::save_former(const std::string& set) {
  try {
    save([&](SetFiles& files) {
      if (sets_.exists(set)) {
        files.save(set, sets_.entries(set));
      } else {
        files.remove(set);
      }
    });
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
  }
}

bool SetStore::save_classes(std::string& reason) {
  if (state_ == nullptr) {
    return true;
  }
  try {
    const auto saved = state_->save_classes({sets_.keys(), sets_.class_names()});
    classes_unsaved_ = false;
    classes_in_memory_ = saved == FirewallState::Saved::in_memory;
  } catch (const Error& error) {
    reason = error.what();
    why_unsaved_ = reason;
    classes_unsaved_ = true;
  }
  return !classes_unsaved_;
}

}  // namespace nicsentry
