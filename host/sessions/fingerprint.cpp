// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/fingerprint.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>

#include "host/base/error.h"
#include "host/packet/hash_mix.h"

namespace nicsentry {
namespace {

constexpr std::size_t kPortsPair = 0;      // behind it are the addresses' words
constexpr std::size_t kShift = 2;          // of the keys of hash b against those of a
constexpr std::uint32_t kIpv6 = 1U << 8U;  // beside the protocol

std::uint64_t keyed_product(const FingerprintKeys& keys, std::size_t first_key, std::uint32_t low, std::uint32_t high) {
  return std::uint64_t{keys[first_key] + low} * (keys[first_key + 1] + high);
}

}  // namespace

FingerprintKeys random_keys() {
  FingerprintKeys keys{};
  // Up to 256 bytes come whole once the generator is ready, and waiting for that can be interrupted (getrandom(2)).
  while (getrandom(keys.data(), sizeof(keys), 0) != static_cast<ssize_t>(sizeof(keys))) {
    if (errno != EINTR) throw SystemError(errno, "drawing the secret keys of the session table");
  }
  return keys;
}

FingerprintKeys following_keys(const FingerprintKeys& keys) {
  // The finalizer of SplitMix64 (Steele, Lea, Flood 2014), fed with all of the old keys.
  std::uint64_t state = 0;
  const auto next = [&state](std::uint64_t input) {
    state += input + 0x9e3779b97f4a7c15;
    std::uint64_t z = state;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
    return z ^ (z >> 31U);
  };
  for (const std::uint32_t key : keys) {
    state ^= next(key);
  }
  FingerprintKeys following{};
  for (std::uint32_t& key : following) {
    key = static_cast<std::uint32_t>(next(0) >> 32U);
  }
  return following;
}

FingerprintKeys fixed_keys() {
  // The first bits of pi's fraction.
  return {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
          0x082efa98, 0xec4e6c89, 0x452821e6, 0x38d01377, 0xbe5466cf, 0x34e90c6c};
}

std::array<std::uint32_t, 4> Fingerprint::words() const {
  return {static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(a >> 32), static_cast<std::uint32_t>(b),
          static_cast<std::uint32_t>(b >> 32)};
}

Fingerprint Fingerprint::in(const session_slot& slot) {
  const auto& words = slot.fingerprint;
  return {std::uint64_t{words[1]} << 32 | words[0], std::uint64_t{words[3]} << 32 | words[2]};
}

// The outer VLAN is in hash a, the inner in hash b: the protocol leaves the upper half of its word free.
Fingerprint fingerprint(const SessionKey& key, const FingerprintKeys& keys) {
  constexpr unsigned kFreeBits = 16;
  Fingerprint sum;
  const auto add_pair = [&](std::size_t pair, std::uint32_t low, std::uint32_t high_of_a, std::uint32_t high_of_b) {
    sum.a += keyed_product(keys, 2 * pair, low, high_of_a);
    sum.b += keyed_product(keys, 2 * pair + kShift, low, high_of_b);
  };
  const auto lower = key.lower.address.raw_words();
  const auto higher = key.higher.address.raw_words();
  const std::size_t address_words = key.lower.address.version == 6 ? 4 : 1;
  const std::uint32_t ports = key.lower.raw_port() | std::uint32_t{key.higher.raw_port()} << 16;
  const std::uint32_t protocol =
      static_cast<std::uint32_t>(key.protocol) | (key.lower.address.version == 6 ? kIpv6 : 0);
  add_pair(kPortsPair, ports, protocol + (std::uint32_t{key.vlans.outer} << kFreeBits),
           protocol + (std::uint32_t{key.vlans.inner} << kFreeBits));
  for (std::size_t i = 0; i < address_words; ++i) add_pair(kPortsPair + 1 + i, lower[i], higher[i], higher[i]);
  return sum;
}

std::uint64_t expectation_name(const Fingerprint& fingerprint) {
  return std::uint64_t{mix_hash(fingerprint.b)} << 32 | mix_hash(fingerprint.a);
}

CandidateBuckets candidate_buckets(const Fingerprint& fingerprint, unsigned bits) {
  const std::uint32_t mask = (std::uint32_t{1} << bits) - 1;
  const std::uint32_t hash = mix_hash(fingerprint.a);
  return {hash & mask, std::rotl(hash, 16) & mask};
}

}  // namespace nicsentry
