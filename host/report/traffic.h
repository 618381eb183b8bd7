// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/report/session_sums.h"
#include "host/report/window_report.h"

namespace nicsentry {

// The traffic of one address in a window; in the last row of several, of all addresses that have no row.
struct HostSums : SessionSums {
  IpAddress address;
  std::uint64_t hosts = 1;  // addresses that the row sums up
  std::uint64_t sessions_as_client = 0;
  std::uint64_t sessions_as_server = 0;
  Amount sent;
  Amount received;

  std::uint64_t packets() const { return sent.packets + received.packets; }
  std::uint64_t bytes() const { return sent.bytes + received.bytes; }
};

// The same of a server's port, whatever the server. ICMP and ICMPv6 have port 0.
struct PortSums : SessionSums {
  Protocol protocol = Protocol::tcp;
  std::uint16_t port = 0;
  std::uint64_t ports = 1;
  std::uint64_t sessions = 0;
  Amount from_server;
  Amount from_client;

  std::uint64_t packets() const { return from_server.packets + from_client.packets; }
  std::uint64_t bytes() const { return from_server.bytes + from_client.bytes; }
};

// At most `most` rows (0: all), those with the most packets first, of equal ones the lower address or port; behind them
// one row for the rest, if there is any.
std::vector<HostSums> host_traffic(const std::vector<const SessionWindow*>& sessions, std::size_t most);
std::vector<PortSums> port_traffic(const std::vector<const SessionWindow*>& sessions, std::size_t most);

// The interfaces of places: "eth0", "eth0+eth1". A replay has none: the names of thousands of captures are no column.
std::string interfaces_text(const std::vector<Accounting>& attachments, std::uint64_t places);

// An amount of a window in a second of it; 0 in a window without length.
double per_second(std::uint64_t amount, const WindowReport& window);

}  // namespace nicsentry
