// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// Lines of the state directory's files of sets. Parsing throws Error that quotes the line.

// An address, prefix or range, and " # until N" for an entry that ends: in nanoseconds of the lifetime clock.
std::string entry_line(const SetEntry& entry);
SetEntry parse_entry_line(std::string_view line);

// "+ENTRY" or "-RANGE": an entry that was added or removed.
struct ChangedEntry {
  bool added = false;
  SetEntry entry;
};
std::string changed_line(const ChangedEntry& changed);
ChangedEntry parse_changed_line(std::string_view line);

// A change in a journal: "@LINES" and that many lines, or one line. One of which the last line is missing was being
// written when the process died, and never took effect.
class JournalChange {
 public:
  // Returns the entries of the change that this line completes.
  std::vector<ChangedEntry> add(std::string_view line);
  bool complete() const { return missing_ == 0; }

 private:
  std::vector<ChangedEntry> entries_;
  std::uint64_t missing_ = 0;
};
// The lines of a change, each with its end.
std::string journal_text(const std::vector<ChangedEntry>& change);

struct FileLine {
  std::size_t number = 0;  // from 1
  std::string_view text;
  bool whole = true;  // with its end, which the last one may lack
};
// Calls `act` with each line. Throws as read_state_file(), and what `act` throws with the file and the number in front.
void for_each_line(const std::filesystem::path& path, const std::function<void(const FileLine&)>& act);

}  // namespace nicsentry
