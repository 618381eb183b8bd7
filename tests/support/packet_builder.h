// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "host/packet/session_key.h"

namespace nicsentry::testing {

using Bytes = std::vector<std::uint8_t>;

inline std::uint8_t low_byte(std::size_t value) { return static_cast<std::uint8_t>(value & 0xff); }
inline void append(Bytes& bytes, const Bytes& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
inline Bytes be16(std::size_t value) { return {low_byte(value >> 8), low_byte(value)}; }

// Builds a frame from the outside in. Lengths and next headers are computed. A malformed frame is built well-formed and
// then changed with `changed` or `cut`.
class PacketBuilder {
 public:
  PacketBuilder& vlan(std::uint16_t type, std::uint16_t id = 100) {
    tags_.emplace_back(type, id);
    return *this;
  }
  // Sets the EtherType of a frame without an IP header.
  PacketBuilder& ethertype(std::uint16_t type) {
    ethertype_ = type;
    return *this;
  }
  PacketBuilder& addresses(const IpAddress& source, const IpAddress& destination) {
    source_ = source;
    destination_ = destination;
    ethertype_ = source.version == 6 ? 0x86dd : 0x0800;
    return *this;
  }
  // DSCP, and TTL or hop limit.
  PacketBuilder& dscp(unsigned value) {
    dscp_ = value;
    return *this;
  }
  PacketBuilder& ttl(std::uint8_t value) {
    ttl_ = value;
    return *this;
  }
  // IPv4 options, in 32-bit words (no-operations).
  PacketBuilder& options(unsigned words) {
    option_words_ = words;
    return *this;
  }
  // IPv4: offset in units of eight bytes.
  PacketBuilder& ipv4_fragment(unsigned offset, bool more) {
    fragment_word_ = offset | (more ? 0x2000U : 0U);
    return *this;
  }
  // IPv6 extension header of 8 + units x 8 bytes: 0 hop-by-hop, 43 routing, 60 destination options.
  PacketBuilder& extension(std::uint8_t kind, unsigned units = 0) {
    Bytes body{0, low_byte(units), 1, 4, 0, 0, 0, 0};
    body.resize(8 + std::size_t{units} * 8, 0);
    extensions_.emplace_back(kind, body);
    return *this;
  }
  // IPv6 routing header of 8 + units x 8 bytes, with no segment left.
  PacketBuilder& routing(std::uint8_t type, unsigned units = 0) {
    Bytes body{0, low_byte(units), type, 0, 0, 0, 0, 0};
    body.resize(8 + std::size_t{units} * 8, 0);
    extensions_.emplace_back(std::uint8_t{43}, body);
    return *this;
  }
  PacketBuilder& ipv6_fragment(unsigned offset, bool more) {
    Bytes body{0, 0};
    append(body, be16(offset << 3U | (more ? 1U : 0U)));
    append(body, {0, 0, 0, 7});
    extensions_.emplace_back(std::uint8_t{44}, body);
    return *this;
  }
  PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination, unsigned option_words = 0) {
    Bytes header = ports(source, destination);
    append(header, {0, 0, 0, 1, 0, 0, 0, 2, low_byte((5 + option_words) << 4U), 0x18, 0x20, 0, 0, 0, 0, 0});
    header.resize(header.size() + std::size_t{option_words} * 4, 1);
    return transport(6, header);
  }
  PacketBuilder& udp(std::uint16_t source, std::uint16_t destination) {
    Bytes header = ports(source, destination);
    append(header, {0, 0, 0, 0});  // length: see build()
    return transport(17, header);
  }
  PacketBuilder& icmp(std::uint8_t type = 8, std::uint8_t code = 0) {
    return transport(1, {type, code, 0, 0, 0, 1, 0, 2});
  }
  PacketBuilder& icmpv6(std::uint8_t type = 128, std::uint8_t code = 0) {
    return transport(58, {type, code, 0, 0, 0, 1, 0, 2});
  }
  PacketBuilder& transport(std::uint8_t protocol, const Bytes& header) {
    protocol_ = protocol;
    transport_ = header;
    return *this;
  }
  PacketBuilder& payload(std::size_t bytes) {
    payload_ = bytes;
    return *this;
  }
  // Padding of Ethernet, after the length in the IP header.
  PacketBuilder& padding(std::size_t bytes) {
    padding_ = bytes;
    return *this;
  }

  Bytes build() const {
    Bytes frame(12, 0x02);
    for (const auto& [type, id] : tags_) {
      append(frame, be16(type));
      append(frame, be16(id));
    }
    append(frame, be16(ethertype_));
    Bytes inside = transport_;
    inside.resize(inside.size() + payload_, 0xa5);
    if (protocol_ == 17 && transport_.size() == 8) {
      inside[4] = low_byte(inside.size() >> 8);
      inside[5] = low_byte(inside.size());
    }
    if (ethertype_ == 0x86dd) {
      append(frame, ipv6_header(inside.size()));
    } else if (ethertype_ == 0x0800) {
      append(frame, ipv4_header(inside.size()));
    }
    append(frame, inside);
    frame.resize(frame.size() + padding_, 0);
    return frame;
  }

 private:
  static Bytes ports(std::uint16_t source, std::uint16_t destination) {
    Bytes bytes = be16(source);
    append(bytes, be16(destination));
    return bytes;
  }

  Bytes ipv4_header(std::size_t inside) const {
    const std::size_t header = 20 + std::size_t{option_words_} * 4;
    Bytes bytes{low_byte(0x40U | (header / 4)), low_byte(dscp_ << 2U)};
    append(bytes, be16(header + inside));
    append(bytes, {0, 7});
    append(bytes, be16(fragment_word_));
    append(bytes, {ttl_, protocol_, 0, 0});
    bytes.insert(bytes.end(), source_.bytes.begin(), source_.bytes.begin() + 4);
    bytes.insert(bytes.end(), destination_.bytes.begin(), destination_.bytes.begin() + 4);
    bytes.resize(header, 1);
    return bytes;
  }

  Bytes ipv6_header(std::size_t inside) const {
    Bytes chain;
    for (std::size_t i = 0; i < extensions_.size(); ++i) {
      Bytes body = extensions_[i].second;
      body[0] = i + 1 < extensions_.size() ? extensions_[i + 1].first : protocol_;
      append(chain, body);
    }
    Bytes bytes = be16(0x6000U | dscp_ << 6U);
    append(bytes, {0, 0});
    append(bytes, be16(chain.size() + inside));
    append(bytes, {extensions_.empty() ? protocol_ : extensions_.front().first, ttl_});
    bytes.insert(bytes.end(), source_.bytes.begin(), source_.bytes.end());
    bytes.insert(bytes.end(), destination_.bytes.begin(), destination_.bytes.end());
    append(bytes, chain);
    return bytes;
  }

  std::vector<std::pair<std::uint16_t, std::uint16_t>> tags_;
  std::uint16_t ethertype_ = 0x0800;
  IpAddress source_;
  IpAddress destination_;
  unsigned dscp_ = 0;
  std::uint8_t ttl_ = 64;
  unsigned option_words_ = 0;
  unsigned fragment_word_ = 0;
  std::vector<std::pair<std::uint8_t, Bytes>> extensions_;
  std::uint8_t protocol_ = 0;
  Bytes transport_;
  std::size_t payload_ = 0;
  std::size_t padding_ = 0;
};

inline Bytes changed(Bytes frame, std::size_t offset, const Bytes& bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    frame.at(offset + i) = bytes[i];
  }
  return frame;
}

inline Bytes cut(Bytes frame, std::size_t length) {
  frame.resize(length);
  return frame;
}

}  // namespace nicsentry::testing
