// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/base/timestamp.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

struct ChainUndo {
  Chain chain = Chain::ingress;
  ChainRules before;
};

// Touches only what the change did, so that other changes of the set stay.
struct SetUndo {
  std::string set;
  bool made = false;                 // by the change
  std::vector<AddressRange> remove;  // what it added
  std::vector<SetEntry> put;         // what it removed, or gave another end
};

// How to take back a change that waits to be confirmed.
struct Undo {
  TimestampNs due_ns = 0;  // wall clock: taken back then
  std::vector<ChainUndo> chains;
  std::vector<SetUndo> sets;
  // It is taken back, but that is not saved yet.
  bool taken_back = false;

  // "the change of the ingress chain", "the change of the set 'blocked'"
  std::string what() const;
  bool is_of(Chain changed) const;
  bool is_of(const std::string& changed) const;
  // A later change of the set has these entries: they are not touched any more. True when that changes anything.
  bool leave(const std::string& changed, std::span<const AddressRange> ranges);
};

// Taking back each of these changes of a set with this content. `made`: it did not exist.
Undo undo_of_adding(const std::string& set, bool made, const std::vector<SetEntry>& content,
                    std::span<const SetEntry> added);
Undo undo_of_taking(const std::string& set, const std::vector<SetEntry>& content, std::span<const AddressRange> taken);
Undo undo_of_replacing(const std::string& set, bool made, const std::vector<SetEntry>& content,
                       std::span<const SetEntry> next);

}  // namespace nicsentry
