// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/enforce/enforcement.h"
#include "host/enforce/firewall_state.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// The address sets of a run, and their files. A change returns the update that brings it into force; the caller
// performs the update, then saves. Questions are for any thread: they wait while a change is computed, not while it is
// brought into force. Changes are for one thread at a time.
class SetStore {
 public:
  // `state`: null where sets are not kept on disk. Takes the sets from there, without what ended until now. Throws
  // Error.
  SetStore(const AddressSets::Room& room, FirewallState* state, TimestampNs now_ns);

  // See AddressSets.
  void note_entries();

  std::vector<std::string> names() const;
  std::vector<Enforcement::SetView> views() const;  // without the rules that use a set
  std::vector<SetEntry> entries(const std::string& set) const;
  bool exists(const std::string& set) const;
  bool contains(const std::string& set, const IpAddress& address) const;
  std::optional<TimestampNs> next_end() const;
  // For the thread that makes changes, or while changes are paused.
  const AddressSets& in_memory() const { return sets_; }

  // The result of adding these entries: those that are new or get another end, and what was there. An entry that ends
  // later than asked stays as it is, unless `ends` says otherwise.
  enum class Ends : std::uint8_t { later_one, as_asked };
  struct Addition {
    std::vector<SetEntry> entries;
    Enforcement::Added added;
  };
  Addition addition(const std::string& set, std::span<const SetEntry> entries, Ends ends) const;
  // Both make the set where it is missing. When they throw, it is not made.
  SetUpdate add(const std::string& set, std::span<const SetEntry> entries);
  SetUpdate replace(const std::string& set, std::span<const SetEntry> entries);
  std::pair<SetUpdate, Enforcement::Taken> take(const std::string& set, std::span<const AddressRange> ranges);
  SetUpdate remove(const std::string& set);
  // Makes a set beside the one of this name, of another name that no rule can have. No list shows it.
  SetUpdate make_shadow(const std::string& set, std::span<const SetEntry> entries);
  // Exchanges the two sets: their content for rules that are compiled from now on. Makes the set where it is missing.
  void swap_shadow(const std::string& set);
  SetUpdate remove_shadow(const std::string& set);
  bool has_shadow(const std::string& set) const;
  SetUpdate expire(TimestampNs now_ns);
  // See AddressSets.
  SetUpdate take_over(const AddressSets::InForce& former, const std::vector<std::vector<std::string>>& class_names);

  // After the update has come into force. Throw Error that says so.
  void save_added(const std::string& set, std::span<const SetEntry> entries);
  void save_taken(const std::string& set, std::span<const AddressRange> ranges);
  void save_whole(const std::string& set);
  void save_removed(const std::string& set);
  // Before the content comes into force. Throws Error.
  void save_next(const std::string& set);
  // After save_next(), where nothing came into force. What cannot be saved is saved with the next change.
  void save_former(const std::string& set);

  // What the files lack, and why. Without a reason all is saved. For the thread that makes changes.
  struct Unsaved {
    std::vector<std::string> sets;
    bool classes = false;  // see save_classes()
    std::string reason;
  };
  Unsaved unsaved() const;
  // Whether a later run continues with a file in memory only: save_unsaved() tries to save it on disk.
  bool classes_in_memory() const { return classes_in_memory_; }
  // Saves this once more. What cannot be saved stays.
  void save_unsaved();

  // How programs have the sets, for a later run to continue. Comes before a new numbering of classes is in force.
  // False, and `reason`, when a later run cannot; save_unsaved() tries again.
  bool save_classes(std::string& reason);

 private:
  void note_neighbours(Enforcement::Added& added, const std::string& set, const AddressRange& range) const;
  template <typename Act>
  SetUpdate make_and(const std::string& set, Act act);
  template <typename Act>
  void save(Act act);
  void save_earlier(SetFiles& files);

  FirewallState* state_;
  std::string why_unsaved_;  // the last failure
  bool classes_unsaved_ = false;
  bool classes_in_memory_ = false;
  mutable std::shared_mutex mutex_;
  AddressSets sets_;
};

}  // namespace nicsentry
