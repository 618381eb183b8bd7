// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/packet/features.h"
#include "host/packet/session_key.h"

namespace nicsentry {

struct Amount {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

// One session in one window. Counts cover this window only; "server" counts what the server sent.
struct SessionWindow {
  std::uint64_t id = 0;  // unique within a run, in order of first packets
  Endpoint client;
  Endpoint server;
  Protocol protocol = Protocol::tcp;
  VlanIds vlans{};  // only where they are part of sessions
  ServerMethod server_method = ServerMethod::handshake;
  Direction server_direction = Direction::from_lower;  // direction of packets that the server sent, in PacketFeatures
  std::uint64_t packets_server = 0;
  std::uint64_t packets_client = 0;
  std::uint64_t bytes_server = 0;  // IP total length
  std::uint64_t bytes_client = 0;
  Amount out;                // the part that left through a watched port; the rest came in
  std::uint64_t places = 0;  // Accounting::place of each attachment that saw it
  TimestampNs first_packet_ns = 0;
  TimestampNs last_packet_ns = 0;
  std::int64_t last_packet_uncertainty_ns = 0;  // 0: exact; otherwise the true time may be this much earlier
  bool dropped = false;                 // the firewall dropped packets of it, as events said; not all drops are seen
  std::vector<PacketFeatures> packets;  // captured packets, oldest first, at most the cap
};

// The accounting of one attachment (one program on one hook) in one window. Packets in = on sessions + unknown +
// unparsed; unknown = arrived + lost + left out.
struct Accounting {
  std::string interface;    // or the capture's name in a replay
  std::string hook;         // "xdp", "tc-ingress", "tc-egress"
  std::string mode;         // "hw", "drv", "skb", "tc", "replay"
  std::uint64_t place = 0;  // its bit in SessionWindow::places
  Amount on_sessions;       // counted by the program on known sessions
  Amount unknown;           // counted by the program, without an entry of their session
  std::array<Amount, CAUSES> not_understood{};
  std::uint64_t unknown_events_sent = 0;
  std::uint64_t unknown_events_arrived = 0;
  std::uint64_t known_events_sent = 0;
  std::uint64_t known_events_arrived = 0;
  Amount copies;                       // counted where they came in, so in none of the counts above (run --dedup)
  Amount dropped;                      // dropped by the firewall; they are also in one of the counts above
  Amount unjudged;                     // the part of `dropped` that rules could not judge
  Amount learned;                      // the part of `unknown` that arrived as events and is counted on its sessions
  std::uint64_t sessions_active = 0;   // had packets in this window
  std::uint64_t sessions_new = 0;      // learned in this window
  std::uint64_t sessions_refused = 0;  // distinct sessions without room in the table
  std::uint64_t cut_frames = 0;        // of a replay: truncated ones that --cut-frames would count by their IP length

  Amount in() const;
  std::uint64_t unknown_left_out() const { return unknown.packets - unknown_events_sent; }
  std::uint64_t events_sent() const { return unknown_events_sent + known_events_sent; }
  std::uint64_t events_arrived() const { return unknown_events_arrived + known_events_arrived; }
  std::uint64_t events_lost() const { return events_sent() - events_arrived(); }
};

// A program that was not on its hook during a window: nothing was counted or enforced there.
struct Outage {
  std::string interface;
  std::string hook;
  std::string mode;
  std::string reason;
  TimestampNs since_ns = 0;               // when it was noticed
  std::optional<TimestampNs> until_ns{};  // when it was put back; none: it was not
};

// A program of a user's own that was on a hook of the run's ports at the window's end: it may hide packets from those
// behind it.
struct UserProgram {
  std::string name;  // of the load
  std::string interface;
  std::string hook;
  std::string mode;
  std::string program;
  std::uint32_t program_id = 0;
  std::uint32_t priority = 0;  // 0: alone on XDP
};

// In the order in which files and tables have them.
inline constexpr not_understood kCauses[] = {CAUSE_NOT_IP,         CAUSE_VLAN_DEPTH, CAUSE_TRUNCATED, CAUSE_MALFORMED,
                                             CAUSE_LATER_FRAGMENT, CAUSE_PROTOCOL,   CAUSE_EXTENSIONS};
static_assert(std::size(kCauses) == CAUSES);
// "not_ip", "vlan_depth", "truncated", "malformed", "later_fragment", "protocol", "extensions".
const char* cause_name(int cause);

// All results of one window. Windows are [start, end).
struct WindowReport {
  std::uint64_t number = 0;  // from 0; windows without packets are numbered, too
  TimestampNs start_ns = 0;
  TimestampNs end_ns = 0;
  std::vector<SessionWindow> sessions;  // with packets in this window, in order of id
  std::uint64_t sessions_hidden = 0;    // that a filter left out of `sessions`
  std::vector<Accounting> attachments;  // in the order of the command line
  std::vector<Outage> outages;          // that lasted at the window's end, or were over in it
  std::vector<UserProgram> user_programs;
};

// Returns the approximate memory of a report, for queues that are limited by bytes.
std::size_t memory_of(const WindowReport& report);

}  // namespace nicsentry
