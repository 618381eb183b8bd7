// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/filter/session_frame.h"

#include <linux/if_ether.h>

#include <algorithm>

namespace nicsentry {
namespace {

constexpr std::size_t kMacAddresses = 12;
constexpr std::size_t kTag = 4;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTransportHeader = 20;  // of TCP, the longest

void put(SessionFrame& frame, std::uint16_t value) {
  frame.bytes.at(frame.length++) = static_cast<std::uint8_t>(value >> 8U);
  frame.bytes.at(frame.length++) = static_cast<std::uint8_t>(value & 0xffU);
}

void put(SessionFrame& frame, const IpAddress& address) {
  const std::ptrdiff_t size = address.version == 4 ? 4 : 16;
  std::copy(address.bytes.begin(), address.bytes.begin() + size,
            frame.bytes.begin() + static_cast<std::ptrdiff_t>(frame.length));
  frame.length += static_cast<std::size_t>(size);
}

void put_ipv4(SessionFrame& frame, const SessionWindow& session) {
  const std::size_t start = frame.length;
  frame.bytes.at(start) = 0x45;  // version 4, five words
  frame.bytes.at(start + 3) = kIpv4Header + kTransportHeader;
  frame.bytes.at(start + 8) = 64;  // time to live
  frame.bytes.at(start + 9) = static_cast<std::uint8_t>(session.protocol);
  frame.length = start + 12;
  put(frame, session.client.address);
  put(frame, session.server.address);
}

void put_ipv6(SessionFrame& frame, const SessionWindow& session) {
  const std::size_t start = frame.length;
  frame.bytes.at(start) = 0x60;  // version 6
  frame.bytes.at(start + 5) = kTransportHeader;
  frame.bytes.at(start + 6) = static_cast<std::uint8_t>(session.protocol);
  frame.bytes.at(start + 7) = 64;  // hop limit
  frame.length = start + 8;
  put(frame, session.client.address);
  put(frame, session.server.address);
}

}  // namespace

SessionFrame frame_of(const SessionWindow& session, FrameTags tags) {
  static_assert(SessionFrame::kLongest == kMacAddresses + 2 + 2 * kTag + kIpv6Header + kTransportHeader);
  SessionFrame frame;
  frame.length = kMacAddresses;
  if (tags == FrameTags::as_in_session) {
    for (const std::uint16_t vlan : {session.vlans.outer, session.vlans.inner}) {
      if (vlan != 0) {
        put(frame, ETH_P_8021Q);
        put(frame, vlan);
      }
    }
  }
  if (session.client.address.version == 4) {
    put(frame, ETH_P_IP);
    put_ipv4(frame, session);
  } else {
    put(frame, ETH_P_IPV6);
    put_ipv6(frame, session);
  }
  const std::size_t transport = frame.length;
  if (session.protocol == Protocol::tcp || session.protocol == Protocol::udp) {
    put(frame, session.client.port);
    put(frame, session.server.port);
  }
  frame.length = transport + kTransportHeader;
  return frame;
}

}  // namespace nicsentry
