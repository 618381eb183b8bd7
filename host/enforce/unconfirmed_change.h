// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "host/enforce/firewall_state.h"
#include "host/enforce/undo.h"

namespace nicsentry {

// The one change that may wait to be confirmed, and the file that says how to take it back. For the thread that makes
// changes, but for waiting().
class UnconfirmedChange {
 public:
  // `state`: null where nothing is kept on disk.
  explicit UnconfirmedChange(FirewallState* state) : state_(state) {}

  // When it is taken back, and what it is; nothing where none waits. Any thread; waits for nobody.
  std::optional<std::pair<TimestampNs, std::string>> waiting() const;
  // Whether one was taken back and that is still to be saved. Any thread; waits for nobody.
  bool to_be_saved() const;

  // Before a change that will wait. Writes the file. Throws Error.
  void prepare(const Undo& undo) const;
  // The change is in force, and waits.
  void begin(Undo undo);
  // It is taken back, and nothing waits; that is still to be saved, and undo() stays until end().
  void taken_back();
  // Nothing waits: it is confirmed, taken back and saved, or it failed. Throws Error where the file stays.
  void end();

  // Null where none waits, and none that was taken back is still to be saved.
  Undo* undo() { return undo_ ? &*undo_ : nullptr; }
  // It waits, and is not taken back yet.
  bool waits() const { return undo_ && !undo_->taken_back; }
  // Throw Conflict where it waits and changed this, or where taking it back needs this set.
  void check_other(Chain chain) const;
  void check_other(const std::string& set) const;
  // A later change of the set has these entries: taking back leaves them. Throws Error.
  void leave(const std::string& set, std::span<const AddressRange> ranges);

 private:
  [[noreturn]] void refuse() const;

  FirewallState* state_;
  std::optional<Undo> undo_;
  mutable std::mutex mutex_;  // of what follows
  std::optional<std::pair<TimestampNs, std::string>> waiting_;
  bool to_be_saved_ = false;
};

}  // namespace nicsentry
