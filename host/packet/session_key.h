// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace nicsentry {

enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17, icmpv6 = 58 };

// "TCP", "UDP", "ICMP", "ICMPv6".
const char* protocol_name(Protocol protocol);

// An IPv4 or IPv6 address. `bytes` are in network order; an IPv4 address is in the first four, the others are 0.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t version = 4;  // 4 or 6

  auto operator<=>(const IpAddress&) const = default;
  std::string text() const;  // dotted quad, or RFC 5952

  // The 32-bit words of `bytes` as a little-endian machine reads them from a packet; an IPv4 address has only the
  // first.
  std::array<std::uint32_t, 4> raw_words() const;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  // host order; 0 for ICMP and ICMPv6

  // The port's two bytes as a little-endian machine reads them from a packet.
  std::uint16_t raw_port() const;
  auto operator<=>(const Endpoint&) const = default;
};

// The VLANs of a frame's first two tags that name one, the outer first. 0: there is none.
struct VlanIds {
  std::uint16_t outer = 0;
  std::uint16_t inner = 0;

  auto operator<=>(const VlanIds&) const = default;
  std::string text() const;  // "", "10", "10.20"
};

// Which end of a session's key sent a packet.
enum class Direction : std::uint8_t { from_lower = 0, from_higher = 1 };

Direction opposite(Direction direction);

// The two ends of a session without regard to who sent: `lower` has the lower address in the programs' order (raw
// 32-bit words of the header read as little-endian numbers, first word first, as the seed has it), for equal addresses
// the lower raw port.
struct SessionKey {
  Endpoint lower;
  Endpoint higher;
  Protocol protocol = Protocol::tcp;
  VlanIds vlans{};  // only where they are part of sessions

  auto operator<=>(const SessionKey&) const = default;
};

struct DirectedKey {
  SessionKey key;
  Direction direction = Direction::from_lower;
};

// Orders the ends of a packet as the programs do (bpf_offload/sessions.h).
DirectedKey normalise(const Endpoint& source, const Endpoint& destination, Protocol protocol);

// Keyed with a secret of the process: tuples that collide in a hash table cannot be chosen from outside. The order of
// such a table's elements therefore changes from run to run, and no output may follow it.
struct SessionKeyHash {
  std::size_t operator()(const SessionKey& key) const noexcept;
};

}  // namespace nicsentry
