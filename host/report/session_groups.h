// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/report/session_sums.h"
#include "host/report/window_report.h"

namespace nicsentry {

// By what sessions are summed up.
struct Grouping {
  enum class Key : std::uint8_t { source, destination, destination_port, protocol };

  Key key = Key::source;
  unsigned ipv4_bits = 32;  // of addresses: those with the same first bits are one
  unsigned ipv6_bits = 128;
};

// "src", "dst", "dport" or "proto"; "src/24" and "dst/24" for prefixes of IPv4 addresses, "src/24/64" also of IPv6
// ones. Throws BadRequest.
Grouping parse_grouping(std::string_view text);

// "source", "destination", "server port", "protocol"; with an s for several.
std::string grouping_name(const Grouping& grouping, std::size_t count);

// Sessions that a grouping takes for one, in one window.
struct SessionGroup : SessionSums {
  std::string name;  // "10.0.0.1", "10.0.0.0/24", "TCP 443", "UDP"
  std::uint64_t sessions = 0;
  std::uint64_t packets_server = 0;
  std::uint64_t packets_client = 0;
  std::uint64_t bytes_server = 0;
  std::uint64_t bytes_client = 0;
  std::uint16_t port = 0;  // grouped by server port: of TCP and UDP; 0: it has none
  Protocol protocol = Protocol::tcp;
  std::size_t place = 0;  // among all groups in order of addresses, ports or protocols

  std::uint64_t packets() const { return packets_server + packets_client; }
};

// Those with the most packets first, of equal ones the lower address, port or protocol.
// `places`: of the group of each session.
std::vector<SessionGroup> group_sessions(const std::vector<SessionWindow>& sessions, const Grouping& grouping,
                                         std::vector<std::size_t>* places = nullptr);

}  // namespace nicsentry
