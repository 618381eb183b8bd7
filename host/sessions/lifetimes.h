// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include "host/packet/session_key.h"
#include "host/sessions/connection.h"

namespace nicsentry {

// How long a connection keeps its state without a packet. The defaults are those of nf_conntrack (Linux,
// net/netfilter/nf_conntrack_proto_{tcp,udp,icmp}.c).
struct Lifetimes {
  std::chrono::nanoseconds tcp_syn_sent = std::chrono::seconds(120);  // no answer yet
  std::chrono::nanoseconds tcp_syn_recv = std::chrono::seconds(60);   // a SYN+ACK, which nobody acknowledged yet
  std::chrono::nanoseconds tcp_established = std::chrono::hours(5 * 24);
  std::chrono::nanoseconds tcp_fin_wait = std::chrono::seconds(120);   // one end has sent a FIN
  std::chrono::nanoseconds tcp_time_wait = std::chrono::seconds(120);  // both have
  std::chrono::nanoseconds tcp_close = std::chrono::seconds(10);       // ended by a RST
  std::chrono::nanoseconds udp = std::chrono::seconds(30);             // no answer yet
  std::chrono::nanoseconds udp_stream = std::chrono::seconds(120);     // answered
  std::chrono::nanoseconds icmp = std::chrono::seconds(30);            // behind a query, or an error about a connection
};

// The members by name, in the order in which they are documented.
struct NamedLifetime {
  std::string_view name;
  std::chrono::nanoseconds Lifetimes::*member;
};
std::span<const NamedLifetime> named_lifetimes();

// Returns the lifetime that holds for a connection in its present state. 0: no packet of it was seen.
std::chrono::nanoseconds lifetime_of(const Connection& connection, Protocol protocol, const Lifetimes& lifetimes);

// Returns the lifetime for a connection of which only the states in its slot are known, see
// Connection::slot_states(): `states` is not 0.
std::chrono::nanoseconds lifetime_of(std::uint32_t slot_states, Protocol protocol, const Lifetimes& lifetimes);

}  // namespace nicsentry
