// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/quoted_session.h"

#include <algorithm>
#include <cstddef>

#include "host/sessions/connection.h"

namespace nicsentry {
namespace {

constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;
constexpr std::size_t kPortsBytes = 4;
constexpr std::uint16_t kIpv4FragmentOffset = 0x1fff;

using Bytes = std::span<const std::uint8_t>;

std::uint16_t be16(Bytes bytes, std::size_t at) { return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]); }

IpAddress address(Bytes bytes, std::uint8_t version) {
  IpAddress address;
  address.version = version;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

struct Quote {
  Endpoint source;
  Endpoint destination;
  std::uint8_t protocol = 0;
  Bytes transport;
};

std::optional<Quote> read_ipv4(Bytes ip) {
  if (ip.size() < kIpv4HeaderBytes || ip[0] >> 4 != 4 || (be16(ip, 6) & kIpv4FragmentOffset) != 0) {
    return std::nullopt;
  }
  const std::size_t header_bytes = std::size_t{ip[0]} % 16 * 4;
  if (header_bytes < kIpv4HeaderBytes || header_bytes > ip.size()) {
    return std::nullopt;
  }
  return Quote{{address(ip.subspan(12, 4), 4), 0}, {address(ip.subspan(16, 4), 4), 0}, ip[9], ip.subspan(header_bytes)};
}

std::optional<Quote> read_ipv6(Bytes ip) {
  if (ip.size() < kIpv6HeaderBytes || ip[0] >> 4 != 6) {
    return std::nullopt;
  }
  return Quote{
      {address(ip.subspan(8, 16), 6), 0}, {address(ip.subspan(24, 16), 6), 0}, ip[6], ip.subspan(kIpv6HeaderBytes)};
}

// False where there are ports that are cut off, or a protocol without sessions.
bool read_ports(Quote& quote, bool ipv6) {
  const Protocol protocol{quote.protocol};
  if (protocol != Protocol::tcp && protocol != Protocol::udp) {
    return protocol == (ipv6 ? Protocol::icmpv6 : Protocol::icmp);
  }
  if (quote.transport.size() < kPortsBytes) {
    return false;
  }
  quote.source.port = be16(quote.transport, 0);
  quote.destination.port = be16(quote.transport, 2);
  return true;
}

}  // namespace

std::optional<SessionKey> quoted_session(std::span<const std::uint8_t> frame, const ParsedPacket& error) {
  const std::size_t begin = std::size_t{error.ip_offset} + error.header_bytes;
  if (!is_icmp_error(error.protocol, error.features.icmp_type) || begin > frame.size()) {
    return std::nullopt;
  }
  const bool ipv6 = error.protocol == Protocol::icmpv6;
  auto quote = ipv6 ? read_ipv6(frame.subspan(begin)) : read_ipv4(frame.subspan(begin));
  if (!quote || quote->source.address != error.destination.address || !read_ports(*quote, ipv6)) {
    return std::nullopt;
  }
  return normalise(quote->source, quote->destination, Protocol{quote->protocol}).key;
}

}  // namespace nicsentry
