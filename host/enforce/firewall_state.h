// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/enforce/set_files.h"
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
//   sets/names.json     the names of all sets
//   sets/NAME.N.journal entries that were added (+) and removed (-) since; N is the number in the netset's first line.
//                       "@LINES" stands before a change of several lines: it holds as a whole or not at all.
//                       The netset's first line has how many lines there are at least
//   undo.json           how to take back the change that waits to be confirmed, while there is one
//   unfinished.json     how to take back the change that is being written to several files, while there is one
//   clock.json          the clock by which rules and entries end: LifetimeClock
//   classes.json        how programs have the sets: hash keys, and the sets of each class of addresses by its number
//
// Where the last one cannot be written, a copy stands in a directory in memory, which lives as long as the programs do.
//
// A field that is not known is refused: it may change what a rule means. A process that dies at any point leaves the
// state before or after the change, and so does a loss of power. Only its user may read the directory. Not for several
// threads at once.
class FirewallState {
 public:
  using Warning = std::function<void(const std::string&)>;
  // Makes the directory where it is missing. Warns of what is missing in one that was there. Throws Error when another
  // controller has it, when it belongs to another user, or when a newer nicsentry has written it. `memory`: a directory
  // that is not on the same disk, for what must not be lost when that is full.
  FirewallState(const std::filesystem::path& directory, const Warning& warning,
                const std::optional<std::filesystem::path>& memory = std::nullopt);

  SetFiles& sets() { return sets_; }

  struct Chains {
    bool found = false;
    ChainRules ingress;
    ChainRules egress;
  };
  Chains load_rules(const std::vector<std::string>& set_names, TimestampNs now_ns) const;

  // The data with which a controller goes on from the sets that a program was left with: it must have these keys.
  struct Classes {
    std::array<std::uint32_t, FIREWALL_KEYS> keys{};
    std::vector<std::vector<std::string>> names;  // see AddressSets::class_names()
  };
  std::optional<Classes> load_classes() const;
  // Throws Error, and then a later run finds none.
  enum class Saved : std::uint8_t { on_disk, in_memory };
  Saved save_classes(const Classes& classes) const;

  void save_rules(const ChainRules& ingress, const ChainRules& egress) const;

  // Before a change that is to be confirmed, and when it is confirmed or taken back.
  void save_undo(const Undo& undo) const;
  void forget_undo() const;
  // Before a change of several files, and when all of them are written, or are as before.
  void save_unfinished(const Undo& undo) const;
  void forget_unfinished() const;
  // Before anything is loaded: takes back what the run before left unfinished or unconfirmed. Returns what that was.
  // Throws Error.
  std::vector<std::string> take_back(TimestampNs now_ns);

 private:
  void begin(const std::filesystem::path& format) const;
  std::optional<std::string> take_back(const std::filesystem::path& undo, TimestampNs now_ns);
  void put_back_chains(const nlohmann::json& chains) const;
  bool save_classes_in_memory(const nlohmann::ordered_json& classes) const;

  std::filesystem::path rules_path_;
  std::filesystem::path classes_path_;
  std::optional<std::filesystem::path> classes_in_memory_;
  std::filesystem::path undo_path_;
  std::filesystem::path unfinished_path_;
  SetFiles sets_;
  UniqueFd lock_;
};

}  // namespace nicsentry
