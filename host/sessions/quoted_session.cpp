// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/quoted_session.h"

#include <array>
#include <cstddef>

#include "bpf_offload/types.h"
#include "host/packet/ip_header.h"
#include "host/sessions/connection.h"

namespace nicsentry {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kPortsBytes = 4;

// The ports of a quoted packet of TCP or UDP; 0 of ICMP. Nothing where they are cut off, and of another protocol.
std::optional<std::array<std::uint16_t, 2>> read_ports(Bytes transport, Protocol protocol, std::uint8_t version) {
  using Ports = std::array<std::uint16_t, 2>;
  if (protocol == (version == 6 ? Protocol::icmpv6 : Protocol::icmp)) return Ports{};
  if ((protocol != Protocol::tcp && protocol != Protocol::udp) || transport.size() < kPortsBytes) return std::nullopt;
  return Ports{be16(transport, 0), be16(transport, 2)};
}

}  // namespace

std::optional<SessionKey> quoted_session(std::span<const std::uint8_t> frame, const ParsedPacket& error) {
  const std::size_t begin = std::size_t{error.ip_offset} + error.header_bytes;
  if (!is_icmp_error(error.protocol, error.features.icmp_type) || begin > frame.size()) {
    return std::nullopt;
  }
  const Bytes quote = frame.subspan(begin);
  const auto ip = IpView::read(quote, error.protocol == Protocol::icmpv6 ? 6 : 4);
  if (!ip || ip->source() != error.destination.address) {
    return std::nullopt;
  }
  const TransportPosition transport = ip->transport();
  if (transport.cut || transport.later_fragment || transport.offset > PACKET_WALK_BYTES) {
    return std::nullopt;
  }
  const Protocol protocol{transport.protocol};
  const auto ports = read_ports(quote.subspan(transport.offset), protocol, ip->version());
  if (!ports) {
    return std::nullopt;
  }
  return normalise({ip->source(), (*ports)[0]}, {ip->destination(), (*ports)[1]}, protocol).key;
}

}  // namespace nicsentry
