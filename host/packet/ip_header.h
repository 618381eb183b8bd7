// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "host/packet/session_key.h"

namespace nicsentry {

// The 16-bit number at `at`, in network order. Both its bytes must be there.
inline std::uint16_t be16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

// The 32-bit number at `at`, in network order. All its bytes must be there.
inline std::uint32_t be32(std::span<const std::uint8_t> bytes, std::size_t at) {
  return std::uint32_t{be16(bytes, at)} << 16U | be16(bytes, at + 2);
}

// Whether it is an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2).
bool is_mapped(const IpAddress& address);

inline constexpr std::size_t kIpv4HeaderBytes = 20;  // without options
inline constexpr std::size_t kIpv6HeaderBytes = 40;

// Where the IP header of an Ethernet frame begins: behind at most eight VLAN tags.
struct IpPosition {
  std::uint8_t version = 0;  // 4 or 6, by the EtherType; 0: not IP, or the frame ends before the EtherType
  std::size_t offset = 0;    // of the IP header
  std::size_t reach = 0;     // bytes of the frame that it takes to tell; can be more than the frame has
  VlanIds vlans{};
};
IpPosition find_ip(std::span<const std::uint8_t> frame);

// The Ethernet header that makes a frame of an IP packet: addresses of 0, and the EtherType of the packet's version, 0
// where it has none.
using EthernetHeader = std::array<std::uint8_t, 14>;
EthernetHeader ethernet_header_for(std::span<const std::uint8_t> ip);

// A tag as it stands in a frame behind the two addresses.
using VlanTag = std::array<std::uint8_t, 4>;
inline constexpr std::size_t kTagOffset = 12;
VlanTag vlan_tag(std::uint32_t id);

// The VLAN id of the frame's first tag that names one, 0 where all have a priority only; nothing where it has no whole
// tag.
std::optional<std::uint16_t> first_tag(std::span<const std::uint8_t> frame);

// Whether an IPv6 next header names an extension header that the programs on the host step over (IANA's list without
// ESP); those on the card know hop-by-hop options, routing, fragment and destination options.
bool is_extension(std::uint8_t protocol);

// Where the transport header is, and of which protocol. For a later fragment, or where a header is cut off, this is how
// far the headers could be read.
struct TransportPosition {
  std::uint8_t protocol = 0;  // of the header at `offset`; an extension header's number behind eight of them
  std::size_t offset = 0;     // from the IP header
  bool later_fragment = false;
  bool first_fragment = false;  // and not the only one
  bool cut = false;             // IPv4 options or an extension header end beyond the limit
  std::size_t reach = 0;        // bytes from the IP header on that it takes to tell
};

// An IP header, read where it lies. Nothing is copied: the bytes must outlive the view.
class IpView {
 public:
  // The header at the front of `ip`. Nothing where its fixed part is cut off, where it has another version, or where an
  // IPv4 header says that it is shorter than 20 bytes.
  static std::optional<IpView> read(std::span<const std::uint8_t> ip, std::uint8_t version);

  std::uint8_t version() const { return version_; }
  IpAddress source() const;
  IpAddress destination() const;
  // Whether one of its IPv6 addresses is IPv4-mapped, which no packet has on the wire.
  bool has_mapped_address() const;
  // IPv4: the protocol; IPv6: the first next header.
  std::uint8_t protocol() const { return version_ == 4 ? ip_[9] : ip_[6]; }
  std::uint8_t ttl() const { return version_ == 4 ? ip_[8] : ip_[7]; }  // IPv6: the hop limit
  // The upper six bits of IPv4's type of service, or of IPv6's traffic class (RFC 2474).
  std::uint8_t dscp() const {
    return static_cast<std::uint8_t>(version_ == 4 ? ip_[1] >> 2U : be16(ip_, 0) >> 6U & 0x3fU);
  }
  // IPv4: with options, which can be cut off; IPv6: the fixed header.
  std::size_t header_bytes() const;
  // The header and all behind it, as the header says.
  std::size_t total_bytes() const;
  // IPv4: flags and fragment offset, host order; IPv6: 0.
  std::uint16_t flags_fragment() const { return version_ == 4 ? be16(ip_, 6) : std::uint16_t{0}; }
  // Whether the first header behind an IPv6 header is a jumbo option that the kernel takes out before the packet leaves
  // the host (BIG TCP).
  bool has_jumbo_option() const;
  // Steps over IPv4 options or at most eight IPv6 extension headers, of which no byte lies at `limit` or beyond.
  TransportPosition transport(std::size_t limit) const;
  TransportPosition transport() const { return transport(ip_.size()); }

 private:
  IpView(std::span<const std::uint8_t> ip, std::uint8_t version) : ip_(ip), version_(version) {}

  std::span<const std::uint8_t> ip_;
  std::uint8_t version_;
};

}  // namespace nicsentry
