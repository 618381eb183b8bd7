// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/base/timestamp.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// The values that the DDoS analysis keeps of one packet. Fields of other protocols are 0.
struct PacketFeatures {
  TimestampNs timestamp_ns = 0;
  Direction direction = Direction::from_lower;
  std::uint32_t bytes = 0;              // IP total length
  std::uint16_t ip_flags_fragment = 0;  // IPv4 flags and fragment offset word, host order; 0 for IPv6
  std::uint16_t tcp_window = 0;         // as in the header, unscaled
  std::uint16_t udp_payload_bytes = 0;  // UDP length - 8; 0 where the field is below 8
  std::uint8_t tcp_flags = 0;           // CWR ECE URG ACK PSH RST SYN FIN, bit 7 to 0
  std::uint8_t icmp_type = 0;           // ICMP or ICMPv6
};

// How a session's server was found, on the session's first packet.
enum class ServerMethod : std::uint8_t { handshake = 1, port_below_1024 = 2, lower_port = 3 };

}  // namespace nicsentry
