// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/adopted_states.h"

#include <algorithm>

namespace nicsentry {
namespace {

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

Fingerprint AdoptedStates::former_name(const SessionKey& key) const {
  SessionKey former = key;
  if (!with_vlans_) {
    former.vlans = {};
  }
  return fingerprint(former, keys_);
}

std::uint32_t AdoptedStates::find(const SessionKey& key) const {
  if (states_.empty()) {
    return 0;
  }
  const auto found = states_.find(former_name(key));
  const bool lives = found != states_.end() && age_ < lifetime_of(found->second, key.protocol, lifetimes_);
  return lives ? found->second : 0;
}

void AdoptedStates::forget(const SessionKey& key) {
  if (!states_.empty()) {
    states_.erase(former_name(key));
  }
}

void AdoptedStates::set_time(TimestampNs now_ns, const Lifetimes& lifetimes) {
  lifetimes_ = lifetimes;
  if (!begun_ns_) {
    begun_ns_ = now_ns;
  }
  age_ = std::chrono::nanoseconds(now_ns - *begun_ns_);
  const auto longest = [&lifetimes](const NamedLifetime& a, const NamedLifetime& b) {
    return lifetimes.*a.member < lifetimes.*b.member;
  };
  const auto all = named_lifetimes();
  if (!states_.empty() && age_ >= lifetimes.*std::max_element(all.begin(), all.end(), longest)->member) {
    states_ = {};
  }
}

}  // namespace nicsentry
