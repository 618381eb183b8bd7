// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/adopted_states.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;

// The shortest time for which an established connection must be kept without a packet (RFC 5382, REQ-5): two hours
// until the keep-alives of its ends, and four minutes.
constexpr std::chrono::nanoseconds kTcpSilence = 124min;

constexpr std::uint32_t both_directions(std::uint32_t state) {
  return state << SLOT_STATE_SHIFT | state << (SLOT_STATE_SHIFT + SLOT_STATE_BITS);
}

}  // namespace

void AdoptedStates::add(const session_slot& slot) {
  const std::uint32_t states = slot.state & both_directions(STATE_MASK);
  if ((slot.state & SLOT_VALID) != 0 && states != 0) {
    states_.emplace(Fingerprint::in(slot), states);
  }
}

std::uint32_t AdoptedStates::find(const SessionKey& key) const {
  if (states_.empty() || (tcp_only_ && key.protocol != Protocol::tcp)) {
    return 0;
  }
  const auto found = states_.find(fingerprint(key, keys_));
  return found == states_.end() ? 0 : found->second;
}

void AdoptedStates::forget(const SessionKey& key) {
  if (!states_.empty()) {
    states_.erase(fingerprint(key, keys_));
  }
}

void AdoptedStates::end_window(std::chrono::nanoseconds length, std::uint64_t idle_windows) {
  ++windows_;
  time_ += length;
  if (windows_ < idle_windows) {
    return;
  }
  if (time_ >= kTcpSilence) {
    states_ = {};
  } else if (!tcp_only_) {
    tcp_only_ = true;
    std::erase_if(states_, [](const auto& entry) { return entry.second != both_directions(STATE_ESTABLISHED); });
  }
}

}  // namespace nicsentry
