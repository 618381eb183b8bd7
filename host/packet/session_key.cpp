// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/packet/session_key.h"

#include <arpa/inet.h>

#include <bit>
#include <compare>
#include <random>

#include "host/base/error.h"

namespace nicsentry {
namespace {

using Secret = std::array<std::uint64_t, 2>;

const Secret& process_secret() {
  static const Secret secret = [] {
    std::random_device random;
    const auto word = [&random] { return std::uint64_t{random()} << 32 | random(); };
    return Secret{word(), word()};
  }();
  return secret;
}

// SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) over whole 64-bit words. All inputs have
// the same length, so the block that encodes it is left out.
class SipHash {
 public:
  explicit SipHash(const Secret& secret)
      : v_{secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du, secret[0] ^ 0x6c7967656e657261u,
           secret[1] ^ 0x7465646279746573u} {}

  void add(std::uint64_t word) {
    v_[3] ^= word;
    round();
    v_[0] ^= word;
  }

  std::uint64_t finish() {
    v_[2] ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  void round() {
    v_[0] += v_[1];
    v_[2] += v_[3];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[1];
    v_[0] += v_[3];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] = std::rotl(v_[2], 32);
  }

  std::array<std::uint64_t, 4> v_;
};

std::uint64_t joined(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

}  // namespace

const char* protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::icmp:
      return "ICMP";
    case Protocol::tcp:
      return "TCP";
    case Protocol::udp:
      return "UDP";
    case Protocol::icmpv6:
      return "ICMPv6";
  }
  throw Error("not a protocol that is tracked: " + std::to_string(static_cast<int>(protocol)));
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(version == 6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

std::array<std::uint32_t, 4> IpAddress::raw_words() const {
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < bytes.size(); ++i) words[i / 4] |= std::uint32_t{bytes[i]} << (i % 4 * 8);
  return words;
}

std::string VlanIds::text() const {
  if (outer == 0) return "";
  return std::to_string(outer) + (inner == 0 ? "" : "." + std::to_string(inner));
}

std::uint16_t Endpoint::raw_port() const { return static_cast<std::uint16_t>(port << 8 | port >> 8); }

Direction opposite(Direction direction) {
  return direction == Direction::from_lower ? Direction::from_higher : Direction::from_lower;
}

DirectedKey normalise(const Endpoint& source, const Endpoint& destination, Protocol protocol) {
  auto order = source.address.raw_words() <=> destination.address.raw_words();
  if (std::is_eq(order)) order = source.raw_port() <=> destination.raw_port();
  if (std::is_gt(order)) return {{destination, source, protocol}, Direction::from_higher};
  return {{source, destination, protocol}, Direction::from_lower};
}

std::size_t SessionKeyHash::operator()(const SessionKey& key) const noexcept {
  SipHash hash(process_secret());
  hash.add(joined(std::uint32_t{key.lower.port} << 16 | key.higher.port,
                  std::uint32_t{key.lower.address.version} << 8 | static_cast<std::uint32_t>(key.protocol)));
  const auto lower = key.lower.address.raw_words();
  const auto higher = key.higher.address.raw_words();
  hash.add(joined(lower[0], higher[0]));
  if (key.lower.address.version == 6) {
    for (std::size_t i = 1; i < lower.size(); ++i) hash.add(joined(lower[i], higher[i]));
  }
  if (key.vlans != VlanIds()) hash.add(joined(key.vlans.outer, key.vlans.inner));
  return hash.finish();
}

}  // namespace nicsentry
