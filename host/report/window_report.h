// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/packet/features.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// One session in one window. Counts are of this window only; "server" counts what the server sent.
struct SessionWindow {
  std::uint64_t id = 0;  // unique while the controller runs, in order of first packets
  Endpoint client;
  Endpoint server;
  Protocol protocol = Protocol::tcp;
  ServerMethod server_method = ServerMethod::handshake;
  Direction server_direction = Direction::from_lower;  // of PacketFeatures that the server sent
  std::uint64_t packets_server = 0;
  std::uint64_t packets_client = 0;
  std::uint64_t bytes_server = 0;  // IP total length
  std::uint64_t bytes_client = 0;
  TimestampNs first_packet_ns = 0;
  TimestampNs last_packet_ns = 0;
  std::int64_t last_packet_uncertainty_ns = 0;  // 0: exact; else the true time is at most this much earlier
  std::vector<PacketFeatures> packets;          // captured ones, oldest first, at most the cap
};

struct Amount {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

// The accounting of one attachment (one program on one hook) in one window. Packets in = on sessions + unknown + not
// understood; unknown = arrived + lost + left out.
struct Accounting {
  std::string interface;  // or the capture's name for a replay
  std::string hook;       // "xdp", "tc-ingress", "tc-egress"
  std::string mode;       // "hw", "drv", "skb", "tc", "replay"
  Amount on_sessions;     // counted by the card on a known session
  Amount unknown;         // counted by the card as packets of a session it had no entry of
  std::array<Amount, CAUSES> not_understood{};
  std::uint64_t unknown_events_sent = 0;
  std::uint64_t unknown_events_arrived = 0;
  std::uint64_t known_events_sent = 0;
  std::uint64_t known_events_arrived = 0;
  Amount dropped;                      // by the firewall, of whatever was counted above
  Amount learned;                      // of `unknown`: arrived and counted on their sessions from their events
  std::uint64_t sessions_active = 0;   // had packets in this window
  std::uint64_t sessions_new = 0;      // learned in this window
  std::uint64_t sessions_refused = 0;  // distinct sessions for which there was no room

  Amount in() const;
  std::uint64_t unknown_left_out() const { return unknown.packets - unknown_events_sent; }
  std::uint64_t events_sent() const { return unknown_events_sent + known_events_sent; }
  std::uint64_t events_arrived() const { return unknown_events_arrived + known_events_arrived; }
  std::uint64_t events_lost() const { return events_sent() - events_arrived(); }
};

// "not_ip", "vlan_depth", "truncated", "malformed", "later_fragment", "protocol", "extensions".
const char* cause_name(int cause);

// Everything that one window gave. Windows are [start, end).
struct WindowReport {
  std::uint64_t number = 0;  // from 0; windows without a packet have a number, too
  TimestampNs start_ns = 0;
  TimestampNs end_ns = 0;
  std::vector<SessionWindow> sessions;  // those with packets in this window, in order of id
  std::vector<Accounting> attachments;  // in the order of the command line
};

// About how much memory a report takes, for queues that are bounded by bytes.
std::size_t memory_of(const WindowReport& report);

}  // namespace nicsentry
