// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bpf_offload/types.h"
#include "host/packet/features.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// The headers in the first bytes of a frame. Plain values; nothing refers to the frame.
struct ParsedPacket {
  Endpoint source;
  Endpoint destination;
  Protocol protocol = Protocol::tcp;
  DirectedKey key;  // without VLANs
  VlanIds vlans{};
  PacketFeatures features;         // timestamp_ns is 0; bytes as the IP header says
  std::uint32_t tcp_sequence = 0;  // as in the header
  std::uint32_t tcp_acknowledged = 0;
  std::uint32_t ip_offset = 0;     // of the IP header in the frame
  std::uint32_t header_bytes = 0;  // on the wire: IP header and extensions, and transport header with its options
};

// Reads the first bytes of an Ethernet frame, whole or cut anywhere. Nothing where the headers are not all there, or
// are none that a session can be told from: other protocols, later fragments, more than eight VLAN tags or IPv6
// extension headers, IPv4-mapped addresses. Lengths that only the frame's end could contradict are taken as they are:
// the program has checked them.
std::optional<ParsedPacket> parse_packet(std::span<const std::uint8_t> frame);

// How many of a frame's first bytes the walk over its headers reads; more than there are where the frame ends within
// them.
std::size_t header_reach(std::span<const std::uint8_t> frame);

// Appends the features of each packet that the event's packet becomes on the wire, in order, at most `most` of them.
// Their bytes, with the headers of each, are event.bytes in all.
void append_segments(const ParsedPacket& packet, const event_header& event, std::size_t most,
                     std::vector<PacketFeatures>& out);

}  // namespace nicsentry
