// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/enforce/state_json.h"
#include "host/enforce/undo.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// Rules and sets on disk, so that they survive the controller. One directory, one controller:
//
//   format              kStateFormat when the directory was made
//   rules.json          both chains
//   sets/NAME.netset    a set, as blocklists are published; "# until N" behind an entry is when it ends, in nanoseconds
//   sets/NAME.N.journal entries that were added (+) and removed (-) since; N is the number in the netset's first line.
//                       "@LINES" stands before a change of several lines: it holds as a whole or not at all
//   undo.json           how to take back the change that waits to be confirmed, while there is one
//   clock.json          the clock by which rules and entries end: LifetimeClock
//   classes.json        how programs have the sets: hash keys, and the sets of each class of addresses by its number
//
// A field that is not known is refused: it may change what a rule means. A process that dies at any point leaves the
// state before or after the change, and so does a loss of power. Only its user may read the directory. Not for several
// threads at once.
class FirewallState {
 public:
  // Makes the directory where it is missing. Throws Error when another controller has it, when it belongs to another
  // user, or when a newer nicsentry has written it.
  explicit FirewallState(const std::filesystem::path& directory);

  struct Set {
    std::string name;
    std::vector<SetEntry> entries;
  };
  // Without entries that ended until now. Throws Error that names a malformed file and the line.
  std::vector<Set> load_sets(TimestampNs now_ns);

  struct Chains {
    bool found = false;
    ChainRules ingress;
    ChainRules egress;
  };
  Chains load_rules(const std::vector<std::string>& set_names, TimestampNs now_ns) const;

  // What a controller needs to go on from the sets that a program was left with: it must have these keys.
  struct Classes {
    std::array<std::uint32_t, FIREWALL_KEYS> keys{};
    std::vector<std::vector<std::string>> names;  // see AddressSets::class_names()
  };
  std::optional<Classes> load_classes() const;
  void save_classes(const Classes& classes) const;
  void forget_classes() const;

  void save_rules(const ChainRules& ingress, const ChainRules& egress) const;

  // Before a change that is to be confirmed, and when it is confirmed or taken back.
  void save_undo(const Undo& undo) const;
  void forget_undo() const;
  // Before anything is loaded: takes back what the run before left unconfirmed. Returns what that was. Throws Error.
  std::optional<std::string> take_back_unconfirmed(TimestampNs now_ns);

  // The whole of a set.
  void save_set(const std::string& name, const std::vector<SetEntry>& entries);
  // A change of a set that is saved. Calls `entries` for the set's content when the journal has become too long.
  void save_added(const std::string& name, std::span<const SetEntry> added,
                  const std::function<std::vector<SetEntry>()>& entries);
  void save_taken(const std::string& name, std::span<const AddressRange> taken,
                  const std::function<std::vector<SetEntry>()>& entries);
  void remove_set(const std::string& name);
  // Sets whose last change could not be saved.
  const std::set<std::string>& unsaved() const { return unsaved_; }

 private:
  struct Saved {
    std::uint64_t journal = 0;
    std::size_t entries = 0;
    std::size_t lines = 0;  // of the journal
  };

  std::filesystem::path netset_path(const std::string& name) const;
  std::filesystem::path journal_path(const std::string& name, std::uint64_t journal) const;
  Set load_set(const std::string& name, TimestampNs now_ns);
  std::vector<std::string> saved_sets() const;
  void put_back_chain(const nlohmann::json& undo) const;
  void put_back_set(const std::string& name, const std::vector<std::string>& lines, TimestampNs now_ns);
  void extend_journal(const std::string& name, const std::string& text, std::size_t lines,
                      const std::function<std::vector<SetEntry>()>& entries);

  std::filesystem::path rules_path_;
  std::filesystem::path classes_path_;
  std::filesystem::path undo_path_;
  std::filesystem::path sets_path_;
  UniqueFd lock_;
  std::map<std::string, Saved> saved_;
  std::set<std::string> unsaved_;
};

}  // namespace nicsentry
