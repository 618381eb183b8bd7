// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/unconfirmed_change.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/enforce/rule_store.h"

namespace nicsentry {

std::optional<std::pair<TimestampNs, std::string>> UnconfirmedChange::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

bool UnconfirmedChange::to_be_saved() const {
  const std::lock_guard lock(mutex_);
  return to_be_saved_;
}

void UnconfirmedChange::prepare(const Undo& undo) const {
  if (state_ != nullptr) {
    state_->save_undo(undo);
  }
}

void UnconfirmedChange::begin(Undo undo) {
  undo_ = std::move(undo);
  const std::lock_guard lock(mutex_);
  waiting_.emplace(undo_->due_ns, undo_->what());
}

void UnconfirmedChange::taken_back() {
  undo_->taken_back = true;
  const std::lock_guard lock(mutex_);
  waiting_.reset();
  to_be_saved_ = true;
}

void UnconfirmedChange::end() {
  if (state_ != nullptr) {
    state_->forget_undo();
  }
  undo_.reset();
  const std::lock_guard lock(mutex_);
  waiting_.reset();
  to_be_saved_ = false;
}

void UnconfirmedChange::refuse() const {
  throw Conflict(undo_->what() +
                 (undo_->taken_back ? " was taken back, which is still to be saved"
                                    : " waits to be confirmed (nicsentry rules confirm)") +
                 "; nothing else changes it until then");
}

void UnconfirmedChange::check_other(Chain chain) const {
  if (waits() && undo_->is_of(chain)) {
    refuse();
  }
}

void UnconfirmedChange::check_other(const std::string& set) const {
  if (!undo_) {
    return;
  }
  const bool needed = std::any_of(undo_->chains.begin(), undo_->chains.end(),
                                  [&set](const ChainUndo& chain) { return uses_of(chain.before, set) != 0; });
  if (needed || undo_->is_of(set)) {
    refuse();
  }
}

void UnconfirmedChange::leave(const std::string& set, std::span<const AddressRange> ranges) {
  if (undo_ && undo_->leave(set, ranges)) {
    prepare(*undo_);
  }
}

}  // namespace nicsentry
