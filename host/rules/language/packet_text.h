// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

enum class FragmentKind : std::uint8_t { none, first, later };

// A packet that a user describes for `rules explain`.
struct ImaginedPacket {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 6;
  std::uint16_t source_port = 40000;  // for TCP and UDP
  std::uint16_t destination_port = 80;
  std::uint8_t tcp_flags = 0x02;
  std::uint8_t icmp_type = 8;
  std::uint8_t icmp_code = 0;
  std::optional<std::uint16_t> length;  // IP total length; nullopt: no payload
  std::uint8_t dscp = 0;
  std::uint8_t ttl = 64;
  std::optional<std::uint16_t> vlan;  // nullopt: no tag
  FragmentKind fragment = FragmentKind::none;
  std::optional<ConnectionState> state;  // nullopt: the state of its session
};

// Parses a packet's fields, "src=192.0.2.1", "dport=80", ... Names are those of rules (src, dst, l4proto, sport, dport,
// tcpflags, conntrack, icmptype, ...), and fragment ("no", "first", "later"). Missing fields default to a TCP SYN from
// 192.0.2.1 to port 80 of 192.0.2.2 where the given fields allow it. Throws Error with a line for each wrong word: the
// field, the text and the allowed values.
ImaginedPacket parse_packet_words(std::span<const std::string> words);

// The names of these fields, and the words that are values of one: "no", "first", "later" of "fragment".
std::span<const char* const> packet_fields();
std::vector<std::string> packet_word_values(std::string_view field);

// Builds an Ethernet frame of the packet, without payload, or as long as it asks. Checksums are 0, because the programs
// do not check them.
std::vector<std::uint8_t> frame_of(const ImaginedPacket& packet);

}  // namespace nicsentry
