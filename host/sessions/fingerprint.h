// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// The secret that control.keys holds. Who knows it can choose tuples that collide.
using FingerprintKeys = std::array<std::uint32_t, CONTROL_KEYS>;

// From the kernel's random generator. Throws SystemError.
FingerprintKeys random_keys();

// Always the same, for a replay that gives the same bytes each time.
FingerprintKeys fixed_keys();

// New keys out of old ones, for keys under which two sessions met: as secret as the old ones, and again the same in a
// replay.
FingerprintKeys following_keys(const FingerprintKeys& keys);

// Names a session on the card, and places it there: two keyed 64-bit hashes of its key. Agrees bit for bit with
// bpf_offload/sessions.h.
struct Fingerprint {
  std::uint64_t a = 0;
  std::uint64_t b = 0;

  auto operator<=>(const Fingerprint&) const = default;

  // As session_slot.fingerprint holds it: a low, a high, b low, b high.
  std::array<std::uint32_t, 4> words() const;
  static Fingerprint in(const session_slot& slot);
};

Fingerprint fingerprint(const SessionKey& key, const FingerprintKeys& keys);

// For hash tables: a fingerprint is a keyed hash already.
struct FingerprintHash {
  std::size_t operator()(const Fingerprint& fingerprint) const noexcept { return fingerprint.a ^ fingerprint.b; }
};

// The two buckets, of 2^bits, in which a session can stand; by chance they may be the same one. The programs look in
// `first` first.
struct CandidateBuckets {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  bool operator==(const CandidateBuckets&) const = default;
};

CandidateBuckets candidate_buckets(const Fingerprint& fingerprint, unsigned bits);

}  // namespace nicsentry
