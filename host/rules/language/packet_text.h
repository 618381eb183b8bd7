// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

enum class FragmentKind : std::uint8_t { none, first, later };

// A packet as somebody thinks of it who asks what the firewall does with it.
struct ImaginedPacket {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 6;
  std::uint16_t source_port = 40000;  // of TCP and UDP
  std::uint16_t destination_port = 80;
  std::uint8_t tcp_flags = 0x02;
  std::uint8_t icmp_type = 8;
  FragmentKind fragment = FragmentKind::none;
  std::optional<ConnectionState> state;  // none: that of its session
};

// Reads a packet's fields, "src=192.0.2.1", "dport=80", ..., named as in rules: src, dst, l4proto, sport, dport,
// tcpflags, conntrack; besides them icmptype and fragment ("no", "first", "later"). One that is missing is a TCP SYN's
// from 192.0.2.1 to port 80 of 192.0.2.2, as far as the others leave that open. Throws Error with a line for each wrong
// word: the field, what was read and what is allowed.
ImaginedPacket parse_packet_words(std::span<const std::string> words);

// An Ethernet frame of it, without payload. Checksums are 0: the programs do not look at them.
std::vector<std::uint8_t> frame_of(const ImaginedPacket& packet);

}  // namespace nicsentry
