// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/packet/parser.h"

#include <algorithm>

#include "host/packet/ip_header.h"
#include "host/packet/tcp_flags.h"

namespace nicsentry {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kJumboOptionBytes = 8;  // struct hop_jumbo_hdr (include/net/ipv6.h)

constexpr std::size_t kTcpHeaderBytes = 20;
constexpr std::size_t kTcpFlagsEnd = 14;
constexpr std::size_t kTcpWindowEnd = 16;
constexpr std::size_t kUdpHeaderBytes = 8;
constexpr std::size_t kIcmpHeaderBytes = 8;

// The headers that the walk has read: `reach` is the end of the last one, or where it would end were the frame longer.
struct Walk {
  Bytes frame;
  std::size_t offset = 0;
  std::size_t reach = 0;
  bool first_fragment = false;  // its transport header can end within a later one

  // The next `count` bytes; nothing where there are fewer.
  std::optional<Bytes> take(std::size_t count) {
    reach = offset + count;
    if (reach > frame.size()) return std::nullopt;
    return frame.subspan(offset, count);
  }
};

// Returns the transport protocol's number.
std::optional<std::uint8_t> walk_ip(Walk& walk, ParsedPacket& packet) {
  const IpPosition found = find_ip(walk.frame);
  walk.reach = found.reach;
  if (found.version == 0) return std::nullopt;
  walk.reach += found.version == 4 ? kIpv4HeaderBytes : kIpv6HeaderBytes;
  const auto ip = IpView::read(walk.frame.subspan(found.offset), found.version);
  if (!ip || ip->has_mapped_address()) return std::nullopt;
  const TransportPosition transport = ip->transport();
  walk.reach = found.offset + transport.reach;
  if (transport.cut || transport.later_fragment) return std::nullopt;
  walk.offset = found.offset + transport.offset;
  walk.first_fragment = transport.first_fragment;
  packet.ip_offset = static_cast<std::uint32_t>(found.offset);
  packet.vlans = found.vlans;
  packet.features.bytes = static_cast<std::uint32_t>(ip->total_bytes());
  packet.features.ip_flags_fragment = ip->flags_fragment();
  packet.source.address = ip->source();
  packet.destination.address = ip->destination();
  packet.header_bytes = static_cast<std::uint32_t>(transport.offset - (ip->has_jumbo_option() ? kJumboOptionBytes : 0));
  return transport.protocol;
}

bool read_tcp(Walk& walk, ParsedPacket& packet) {
  const std::size_t left = walk.frame.size() - std::min(walk.frame.size(), walk.offset);
  const auto tcp = walk.take(walk.first_fragment ? std::clamp(left, kTcpFlagsEnd, kTcpHeaderBytes) : kTcpHeaderBytes);
  if (!tcp) return false;
  const std::uint32_t header_bytes = (*tcp)[12] / 16u * 4;
  if (header_bytes < kTcpHeaderBytes) return false;
  packet.source.port = be16(*tcp, 0);
  packet.destination.port = be16(*tcp, 2);
  packet.tcp_sequence = be32(*tcp, 4);
  packet.tcp_acknowledged = be32(*tcp, 8);
  packet.features.tcp_flags = (*tcp)[13];
  if (tcp->size() >= kTcpWindowEnd) packet.features.tcp_window = be16(*tcp, 14);
  packet.header_bytes += header_bytes;
  return true;
}

bool read_udp(Walk& walk, ParsedPacket& packet) {
  const auto udp = walk.take(kUdpHeaderBytes);
  if (!udp) return false;
  packet.source.port = be16(*udp, 0);
  packet.destination.port = be16(*udp, 2);
  const std::size_t length = std::max<std::size_t>(be16(*udp, 4), kUdpHeaderBytes);
  packet.features.udp_payload_bytes = static_cast<std::uint16_t>(length - kUdpHeaderBytes);
  packet.header_bytes += kUdpHeaderBytes;
  return true;
}

bool read_icmp(Walk& walk, ParsedPacket& packet) {
  const auto icmp = walk.take(kIcmpHeaderBytes);
  if (!icmp) return false;
  packet.features.icmp_type = (*icmp)[0];
  packet.header_bytes += kIcmpHeaderBytes;
  return true;
}

bool read_transport(Walk& walk, std::uint8_t protocol, ParsedPacket& packet) {
  // The programs read no transport header of which TCP's first 20 bytes would end beyond this.
  if (walk.offset - packet.ip_offset + kTcpHeaderBytes > PACKET_WALK_BYTES) return false;
  const std::uint8_t version = packet.source.address.version;
  packet.protocol = Protocol{protocol};
  switch (packet.protocol) {
    case Protocol::tcp:
      return read_tcp(walk, packet);
    case Protocol::udp:
      return read_udp(walk, packet);
    case Protocol::icmp:
      return version == 4 && read_icmp(walk, packet);
    case Protocol::icmpv6:
      return version == 6 && read_icmp(walk, packet);
  }
  return false;
}

std::optional<ParsedPacket> parse(Walk& walk) {
  ParsedPacket packet;
  const auto protocol = walk_ip(walk, packet);
  if (!protocol) return std::nullopt;
  if (!read_transport(walk, *protocol, packet)) return std::nullopt;
  packet.key = normalise(packet.source, packet.destination, packet.protocol);
  packet.features.direction = packet.key.direction;
  return packet;
}

}  // namespace

std::optional<ParsedPacket> parse_packet(std::span<const std::uint8_t> frame) {
  Walk walk{frame};
  return parse(walk);
}

std::size_t header_reach(std::span<const std::uint8_t> frame) {
  Walk walk{frame};
  parse(walk);
  return walk.reach;
}

void append_segments(const ParsedPacket& packet, const event_header& event, std::size_t most,
                     std::vector<PacketFeatures>& out) {
  PacketFeatures features = packet.features;
  features.bytes = event.bytes;
  if (event.segments <= 1) {
    if (most > 0) out.push_back(features);
    return;
  }
  const std::size_t segments = event.segments;
  const std::uint32_t each = packet.header_bytes + event.segment_payload;
  const std::uint64_t all_but_last = std::uint64_t{each} * (segments - 1);
  // An event contradicts itself where this is cut to 0; its packets are then counted right and their bytes not.
  const auto rest = static_cast<std::uint32_t>(event.bytes - std::min<std::uint64_t>(event.bytes, all_but_last));
  for (std::size_t i = 0; i < std::min(segments, most); ++i) {
    const bool last = i + 1 == segments;
    features.bytes = last ? rest : each;
    if (packet.protocol == Protocol::tcp) {
      // As the kernel's tcp_gso_segment() does (net/ipv4/tcp_offload.c).
      features.tcp_flags = packet.features.tcp_flags;
      if (!last) features.tcp_flags &= static_cast<std::uint8_t>(~(kTcpFin | kTcpPsh));
      if (i > 0) features.tcp_flags &= static_cast<std::uint8_t>(~kTcpCwr);
    }
    if (packet.protocol == Protocol::udp) {
      const std::uint32_t payload = features.bytes - std::min(features.bytes, packet.header_bytes);
      features.udp_payload_bytes = static_cast<std::uint16_t>(std::min<std::uint32_t>(payload, UINT16_MAX));
    }
    out.push_back(features);
  }
}

}  // namespace nicsentry
