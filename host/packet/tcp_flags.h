// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// Bits of the TCP header's flags (RFC 9293, 3.1; RFC 3168 for the last).
inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpCwr = 0x80;

// The flags that decide what a segment is to a connection.
inline constexpr std::uint8_t kTcpControl = kTcpFin | kTcpSyn | kTcpRst | kTcpAck;

// Whether a segment asks for a new connection: SYN without ACK, RST and FIN.
constexpr bool is_plain_syn(std::uint8_t tcp_flags) { return (tcp_flags & kTcpControl) == kTcpSyn; }

enum class TcpPickup : std::uint8_t { strict, loose };

// Whether a segment of an unknown session can be a connection's first one that is seen. Loose, as nf_conntrack with
// nf_conntrack_tcp_loose: also an ACK, without SYN, FIN and RST, of a connection that is older than the run.
constexpr bool can_begin(std::uint8_t tcp_flags, TcpPickup pickup) {
  return is_plain_syn(tcp_flags) || (pickup == TcpPickup::loose && (tcp_flags & kTcpControl) == kTcpAck);
}

}  // namespace nicsentry
