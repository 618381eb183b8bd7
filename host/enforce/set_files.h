// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

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

#include "host/enforce/set_lines.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// The sets of a state directory: NAME.netset and NAME.N.journal (FirewallState). A process that dies at any point
// leaves each set as it was before or after a change. Functions throw Error. Not for several threads at once.
class SetFiles {
 public:
  explicit SetFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::vector<std::string> names() const;
  // Journals without a set: the set's file was lost.
  std::vector<std::filesystem::path> orphans() const;
  // Sets that were there, by the list of all sets, and have no file. To be called first, as it reads that list.
  std::vector<std::string> missing();

  struct Set {
    std::string name;
    std::vector<SetEntry> entries;
  };
  // Without entries that ended until now. The error names a malformed or damaged file, and the line.
  std::vector<Set> load(TimestampNs now_ns);
  // Sets of which load() left out a change that was being written when the process died.
  const std::set<std::string>& half_written() const { return half_written_; }
  // Journals that load() found without lines that had been written: a warning for each.
  const std::vector<std::string>& lost() const { return lost_; }
  // Removes and adds entries of a set, if it is there, as the lines say. Returns how many it then has.
  std::optional<std::size_t> put_back(const std::string& name, const std::vector<std::string>& lines,
                                      TimestampNs now_ns);

  // The whole of a set.
  void save(const std::string& name, const std::vector<SetEntry>& entries);
  // A change of a set. Calls `entries` for the set's content where that is to be written instead.
  void save_added(const std::string& name, std::span<const SetEntry> added,
                  const std::function<std::vector<SetEntry>()>& entries);
  void save_taken(const std::string& name, std::span<const AddressRange> taken,
                  const std::function<std::vector<SetEntry>()>& entries);
  void remove(const std::string& name);
  // Sets whose last change could not be saved.
  const std::set<std::string>& unsaved() const { return unsaved_; }

 private:
  struct Saved {
    std::uint64_t journal = 0;
    std::size_t entries = 0;
    std::size_t lines = 0;        // of the journal
    std::size_t lines_noted = 0;  // in the netset's first line, when it was loaded
  };

  std::filesystem::path netset_path(const std::string& name) const;
  std::filesystem::path journal_path(const std::string& name, std::uint64_t journal) const;
  Set load_one(const std::string& name, TimestampNs now_ns);
  void list(const std::vector<std::string>& names);
  void note_lost(const std::string& name, const Saved& saved);
  void note_lines(const std::string& name, const Saved& saved) const;
  std::vector<SetEntry> load_netset(const std::string& name, Saved& saved) const;
  bool apply_journal(const std::string& name, Saved& saved, std::vector<SetEntry>& entries) const;
  void extend_journal(const std::string& name, const std::vector<ChangedEntry>& change,
                      const std::function<std::vector<SetEntry>()>& entries);

  std::filesystem::path directory_;
  std::map<std::string, Saved> saved_;
  std::set<std::string> unsaved_;
  std::set<std::string> half_written_;
  std::vector<std::string> lost_;
  std::set<std::string> listed_;
};

}  // namespace nicsentry
