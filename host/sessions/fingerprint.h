// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// The secret in control.keys. An attacker who knows it can choose addresses and ports that collide.
using FingerprintKeys = std::array<std::uint32_t, CONTROL_KEYS>;

// Returns keys from the kernel's random generator. Throws SystemError.
FingerprintKeys random_keys();

// Always the same keys, so that a replay writes the same bytes each time.
FingerprintKeys fixed_keys();

// Returns new keys made from old ones, after two sessions had the same fingerprint. They are as secret as the old ones
// and reproducible in a replay.
FingerprintKeys following_keys(const FingerprintKeys& keys);

// Identifies a session in the program's table and determines its buckets: two keyed 64-bit hashes of its key. Equals
// the program's bit for bit, see bpf_offload/sessions.h.
struct Fingerprint {
  std::uint64_t a = 0;
  std::uint64_t b = 0;

  auto operator<=>(const Fingerprint&) const = default;

  // The words of session_slot.fingerprint: a low, a high, b low, b high.
  std::array<std::uint32_t, 4> words() const;
  static Fingerprint in(const session_slot& slot);
};

Fingerprint fingerprint(const SessionKey& key, const FingerprintKeys& keys);

// The session's name in the map of expectations, see ANSWER_PRINT_SHIFT.
std::uint64_t expectation_name(const Fingerprint& fingerprint);

// For hash tables. A fingerprint is a keyed hash already.
struct FingerprintHash {
  std::size_t operator()(const Fingerprint& fingerprint) const noexcept { return fingerprint.a ^ fingerprint.b; }
};

// The two buckets, of 2^bits, in which a session can be. They may be the same one. The programs read `first` first.
struct CandidateBuckets {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  bool operator==(const CandidateBuckets&) const = default;
};

CandidateBuckets candidate_buckets(const Fingerprint& fingerprint, unsigned bits);

}  // namespace nicsentry
