// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/packet/parser.h"

#include <algorithm>

namespace nicsentry {
namespace {

// EtherTypes: IEEE 802 numbers, IANA.
constexpr std::uint16_t kVlanTag = 0x8100;
constexpr std::uint16_t kServiceVlanTag = 0x88a8;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr int kVlanTagsMax = 2;

// IPv6 extension headers (RFC 8200, 4).
constexpr std::size_t kJumboOptionBytes = 8;  // struct hop_jumbo_hdr (include/net/ipv6.h)
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr int kExtensionsMax = 4;

constexpr std::uint16_t kIpv4FragmentOffset = 0x1fff;
constexpr std::uint16_t kIpv6FragmentOffset = 0xfff8;

constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;
constexpr std::size_t kTcpHeaderBytes = 20;
constexpr std::size_t kUdpHeaderBytes = 8;
constexpr std::size_t kIcmpHeaderBytes = 8;

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kPsh = 0x08;
constexpr std::uint8_t kCwr = 0x80;

using Bytes = std::span<const std::uint8_t>;

std::uint16_t be16(Bytes header, std::size_t at) {
  return static_cast<std::uint16_t>(header[at] << 8 | header[at + 1]);
}

// The frame from front to back. Every read goes through take(), so none is beyond the end.
class Walk {
 public:
  explicit Walk(Bytes frame) : frame_(frame) {}

  std::size_t offset() const { return offset_; }

  // The end of what was read, or would have been were the frame longer.
  std::size_t reach() const { return reach_; }

  // The next `count` bytes, which it steps over; nothing where there are fewer.
  std::optional<Bytes> take(std::size_t count) {
    reach_ = offset_ + count;
    if (count > frame_.size() - offset_) return std::nullopt;
    const Bytes taken = frame_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }

 private:
  Bytes frame_;
  std::size_t offset_ = 0;
  std::size_t reach_ = 0;
};

std::optional<std::uint16_t> walk_ethernet(Walk& walk) {
  const auto ethernet = walk.take(14);
  if (!ethernet) return std::nullopt;
  std::uint16_t type = be16(*ethernet, 12);
  for (int tags = 0; tags < kVlanTagsMax && (type == kVlanTag || type == kServiceVlanTag); ++tags) {
    const auto tag = walk.take(4);
    if (!tag) return std::nullopt;
    type = be16(*tag, 2);
  }
  return type;
}

IpAddress address(Bytes bytes, std::uint8_t version) {
  IpAddress address;
  address.version = version;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

// Both return the transport protocol's number.
std::optional<std::uint8_t> walk_ipv4(Walk& walk, ParsedPacket& packet) {
  const auto ip = walk.take(kIpv4HeaderBytes);
  if (!ip || (*ip)[0] >> 4 != 4) return std::nullopt;
  const std::size_t header_bytes = std::size_t{(*ip)[0]} % 16 * 4;
  if (header_bytes < kIpv4HeaderBytes || !walk.take(header_bytes - kIpv4HeaderBytes)) return std::nullopt;
  packet.header_bytes = static_cast<std::uint32_t>(header_bytes);
  packet.features.ip_flags_fragment = be16(*ip, 6);
  if ((packet.features.ip_flags_fragment & kIpv4FragmentOffset) != 0) return std::nullopt;
  packet.features.bytes = be16(*ip, 2);
  packet.source.address = address(ip->subspan(12, 4), 4);
  packet.destination.address = address(ip->subspan(16, 4), 4);
  return (*ip)[9];
}

bool is_extension(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kFragment || protocol == kDestinationOptions;
}

std::optional<std::uint8_t> walk_ipv6(Walk& walk, ParsedPacket& packet) {
  std::size_t begin = walk.offset();
  const auto ip = walk.take(kIpv6HeaderBytes);
  if (!ip || (*ip)[0] >> 4 != 6) return std::nullopt;
  packet.features.bytes = static_cast<std::uint32_t>(kIpv6HeaderBytes) + be16(*ip, 4);
  packet.source.address = address(ip->subspan(8, 16), 6);
  packet.destination.address = address(ip->subspan(24, 16), 6);
  std::uint8_t protocol = (*ip)[6];
  // BIG TCP: the option with the true length is taken out before the packet leaves the host.
  if (be16(*ip, 4) == 0 && protocol == kHopByHop) begin += kJumboOptionBytes;
  for (int extensions = 0; extensions < kExtensionsMax && is_extension(protocol); ++extensions) {
    const auto extension = walk.take(8);
    if (!extension) return std::nullopt;
    if (protocol == kFragment) {
      if ((be16(*extension, 2) & kIpv6FragmentOffset) != 0) return std::nullopt;
    } else if (!walk.take(std::size_t{(*extension)[1]} * 8)) {
      return std::nullopt;
    }
    protocol = (*extension)[0];
  }
  packet.header_bytes = static_cast<std::uint32_t>(walk.offset() - begin);
  return protocol;
}

bool read_tcp(Walk& walk, ParsedPacket& packet) {
  const auto tcp = walk.take(kTcpHeaderBytes);
  if (!tcp) return false;
  const std::uint32_t header_bytes = (*tcp)[12] / 16u * 4;
  if (header_bytes < kTcpHeaderBytes) return false;
  packet.source.port = be16(*tcp, 0);
  packet.destination.port = be16(*tcp, 2);
  packet.features.tcp_flags = (*tcp)[13];
  packet.features.tcp_window = be16(*tcp, 14);
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
  if (walk.offset() - packet.ip_offset + kTcpHeaderBytes > PACKET_WALK_BYTES) return false;
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
  const auto type = walk_ethernet(walk);
  const std::size_t ip_offset = walk.offset();
  std::optional<std::uint8_t> protocol;
  if (type == kIpv4) protocol = walk_ipv4(walk, packet);
  if (type == kIpv6) protocol = walk_ipv6(walk, packet);
  if (!protocol) return std::nullopt;
  packet.ip_offset = static_cast<std::uint32_t>(ip_offset);
  if (!read_transport(walk, *protocol, packet)) return std::nullopt;
  packet.key = normalise(packet.source, packet.destination, packet.protocol);
  packet.features.direction = packet.key.direction;
  return packet;
}

}  // namespace

std::optional<ParsedPacket> parse_packet(std::span<const std::uint8_t> frame) {
  Walk walk(frame);
  return parse(walk);
}

std::size_t header_reach(std::span<const std::uint8_t> frame) {
  Walk walk(frame);
  parse(walk);
  return walk.reach();
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
      if (!last) features.tcp_flags &= static_cast<std::uint8_t>(~(kFin | kPsh));
      if (i > 0) features.tcp_flags &= static_cast<std::uint8_t>(~kCwr);
    }
    if (packet.protocol == Protocol::udp) {
      const std::uint32_t payload = features.bytes - std::min(features.bytes, packet.header_bytes);
      features.udp_payload_bytes = static_cast<std::uint16_t>(std::min<std::uint32_t>(payload, UINT16_MAX));
    }
    out.push_back(features);
  }
}

}  // namespace nicsentry
