// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/same_ends.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace nicsentry {
namespace {

void add(SessionWindow& to, const SessionWindow& other) {
  const bool same = to.server == other.server;
  to.packets_server += same ? other.packets_server : other.packets_client;
  to.packets_client += same ? other.packets_client : other.packets_server;
  to.bytes_server += same ? other.bytes_server : other.bytes_client;
  to.bytes_client += same ? other.bytes_client : other.bytes_server;
  to.first_packet_ns = std::min(to.first_packet_ns, other.first_packet_ns);
  if (other.last_packet_ns > to.last_packet_ns) {
    to.last_packet_ns = other.last_packet_ns;
    to.last_packet_uncertainty_ns = other.last_packet_uncertainty_ns;
  }
  to.packets.insert(to.packets.end(), other.packets.begin(), other.packets.end());
}

void sort_packets(SessionWindow& session) {
  std::stable_sort(session.packets.begin(), session.packets.end(),
                   [](const PacketFeatures& a, const PacketFeatures& b) { return a.timestamp_ns < b.timestamp_ns; });
}

}  // namespace

RowsByEnds join_same_ends(const std::vector<SessionWindow>& sessions) {
  struct Place {
    std::size_t row = 0;
    SessionWindow* joined = nullptr;
  };
  std::map<std::tuple<Endpoint, Endpoint, Protocol>, Place> places;
  RowsByEnds by_ends;
  by_ends.rows.reserve(sessions.size());
  for (const SessionWindow& session : sessions) {
    const auto ends = std::minmax(session.client, session.server);
    const auto [found, is_new] = places.try_emplace({ends.first, ends.second, session.protocol});
    Place& place = found->second;
    if (is_new) {
      place.row = by_ends.rows.size();
      by_ends.rows.push_back(&session);
      continue;
    }
    if (place.joined == nullptr) {
      place.joined = &by_ends.joined.emplace_back(*by_ends.rows[place.row]);
      by_ends.rows[place.row] = place.joined;
    }
    add(*place.joined, session);
  }
  for (SessionWindow& session : by_ends.joined) sort_packets(session);
  return by_ends;
}

}  // namespace nicsentry
