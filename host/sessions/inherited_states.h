// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <unordered_map>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"
#include "host/sessions/fingerprint.h"

namespace nicsentry {

// What a program that enforces rules knew of connections when its controller ended. Slots name sessions by fingerprints
// alone, which say nothing of their ends: a session's states are found once a packet says who its ends are.
class InheritedStates {
 public:
  InheritedStates() = default;
  // `former`: under which the slots were filled.
  explicit InheritedStates(const FingerprintKeys& former) : keys_(former) {}

  // Slots that are empty, or say nothing but NEW, leave nothing.
  void add(const session_slot& slot);

  // Both directions' states as they stood in the session's slot, without SLOT_VALID; 0: none.
  std::uint32_t find(const SessionKey& key) const;
  void forget(const SessionKey& key);
  std::size_t size() const { return states_.size(); }

  // A window of this length ended. What is silent for `idle_windows` is forgotten, as sessions are. TCP connections
  // that are established are kept while there is room for them, so they are here for as long as their ends may keep
  // silent.
  void end_window(std::chrono::nanoseconds length, std::uint64_t idle_windows);

 private:
  FingerprintKeys keys_{};
  std::unordered_map<Fingerprint, std::uint32_t, FingerprintHash> states_;
  std::uint64_t windows_ = 0;
  std::chrono::nanoseconds time_{};
  bool tcp_only_ = false;
};

}  // namespace nicsentry
