// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/lifetimes.h"

namespace nicsentry {
namespace {

constexpr NamedLifetime kNamed[] = {
    {"tcp_syn_sent", &Lifetimes::tcp_syn_sent},
    {"tcp_syn_recv", &Lifetimes::tcp_syn_recv},
    {"tcp_established", &Lifetimes::tcp_established},
    {"tcp_fin_wait", &Lifetimes::tcp_fin_wait},
    {"tcp_time_wait", &Lifetimes::tcp_time_wait},
    {"tcp_close", &Lifetimes::tcp_close},
    {"udp", &Lifetimes::udp},
    {"udp_stream", &Lifetimes::udp_stream},
    {"icmp", &Lifetimes::icmp},
};

std::chrono::nanoseconds tcp_lifetime(ConnectionStage stage, const Lifetimes& lifetimes) {
  switch (stage) {
    case ConnectionStage::none:
      return {};
    case ConnectionStage::related:  // ICMP only
    case ConnectionStage::opened:
      return lifetimes.tcp_syn_sent;
    case ConnectionStage::handshake:
      return lifetimes.tcp_syn_recv;
    case ConnectionStage::established:
      return lifetimes.tcp_established;
    case ConnectionStage::half_closed:
      return lifetimes.tcp_fin_wait;
    case ConnectionStage::closed:
      return lifetimes.tcp_time_wait;
    case ConnectionStage::reset:
      return lifetimes.tcp_close;
  }
  return {};
}

}  // namespace

std::span<const NamedLifetime> named_lifetimes() { return kNamed; }

std::chrono::nanoseconds lifetime_of(const Connection& connection, Protocol protocol, const Lifetimes& lifetimes) {
  const ConnectionStage stage = connection.stage();
  if (stage == ConnectionStage::none) {
    return {};
  }
  switch (protocol) {
    case Protocol::tcp:
      return tcp_lifetime(stage, lifetimes);
    case Protocol::udp:
      return stage == ConnectionStage::established ? lifetimes.udp_stream : lifetimes.udp;
    case Protocol::icmp:
    case Protocol::icmpv6:
      return lifetimes.icmp;
  }
  return {};
}

std::chrono::nanoseconds lifetime_of(std::uint32_t slot_states, Protocol protocol, const Lifetimes& lifetimes) {
  Connection connection;
  connection.inherit(slot_states, protocol, Direction::from_lower);
  return lifetime_of(connection, protocol, lifetimes);
}

}  // namespace nicsentry
