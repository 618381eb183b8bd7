// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "bpf_offload/types.h"
#include "host/base/timestamp.h"
#include "host/packet/session_key.h"
#include "host/sessions/fingerprint.h"
#include "host/sessions/lifetimes.h"

namespace nicsentry {

// The states of connections that an adopted program has in its slots, written by its former controller. A slot names
// its session by a fingerprint, which does not contain the addresses. So a session's states are found only when a
// packet of it shows the addresses.
class AdoptedStates {
 public:
  AdoptedStates() = default;
  // `former`: the keys of the former controller's fingerprints. `with_vlans`: VLANs were part of its sessions.
  explicit AdoptedStates(const FingerprintKeys& former, bool with_vlans = false)
      : keys_(former), with_vlans_(with_vlans) {}

  // Keeps the states of a slot, unless it is empty or NEW in both directions.
  void add(const session_slot& slot);

  // Returns both directions' states as in session_slot.state, without SLOT_VALID; 0: none, or their lifetime is over.
  std::uint32_t find(const SessionKey& key) const;
  void forget(const SessionKey& key);
  std::size_t size() const { return states_.size(); }

  // Moves on to this time. What was adopted lives on from the first call: when its last packet came, nobody knows.
  void set_time(TimestampNs now_ns, const Lifetimes& lifetimes);

 private:
  Fingerprint former_name(const SessionKey& key) const;

  FingerprintKeys keys_{};
  bool with_vlans_ = false;
  std::unordered_map<Fingerprint, std::uint32_t, FingerprintHash> states_;
  std::optional<TimestampNs> begun_ns_;
  std::chrono::nanoseconds age_{};
  Lifetimes lifetimes_;
};

}  // namespace nicsentry
