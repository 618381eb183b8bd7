// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/same_ends.h"

#include <catch2/catch.hpp>

namespace nicsentry::same_ends_test {
namespace {

const Endpoint kLower{{{10, 0, 0, 1}, 4}, 40000};
const Endpoint kHigher{{{10, 0, 0, 2}, 4}, 80};

SessionWindow session(std::uint64_t id, const Endpoint& client, const Endpoint& server,
                      const std::vector<TimestampNs>& times) {
  SessionWindow row;
  row.id = id;
  row.client = client;
  row.server = server;
  row.server_direction = server == kLower ? Direction::from_lower : Direction::from_higher;
  row.packets_client = times.size();
  row.bytes_client = 100 * times.size();
  row.first_packet_ns = times.front();
  row.last_packet_ns = times.back();
  for (const TimestampNs time : times) {
    PacketFeatures& packet = row.packets.emplace_back();
    packet.timestamp_ns = time;
    packet.direction = client == kLower ? Direction::from_lower : Direction::from_higher;
  }
  return row;
}

TEST_CASE("sessions between the same ends are one, with the first one's number and server and all packets by time") {
  SessionWindow udp = session(1, kLower, kHigher, {7});
  udp.protocol = Protocol::udp;
  const std::vector<SessionWindow> sessions = {session(0, kLower, kHigher, {1, 5}), udp,
                                               session(2, kHigher, kLower, {2, 9}), session(3, kLower, kHigher, {3})};
  const RowsByEnds by_ends = join_same_ends(sessions);
  REQUIRE(by_ends.rows.size() == 2);
  CHECK(by_ends.rows[1] == &sessions[1]);
  const SessionWindow& joined = *by_ends.rows[0];
  CHECK(joined.id == 0);
  CHECK(joined.server == kHigher);
  CHECK(joined.packets_client == 3);
  CHECK(joined.bytes_client == 300);
  CHECK(joined.packets_server == 2);
  CHECK(joined.bytes_server == 200);
  CHECK(joined.first_packet_ns == 1);
  CHECK(joined.last_packet_ns == 9);
  std::vector<TimestampNs> times;
  for (const PacketFeatures& packet : joined.packets) times.push_back(packet.timestamp_ns);
  CHECK(times == std::vector<TimestampNs>{1, 2, 3, 5, 9});
}

TEST_CASE("the uncertainty of the last packet's time is that of the session that has it") {
  std::vector<SessionWindow> sessions = {session(0, kLower, kHigher, {5}), session(1, kLower, kHigher, {9})};
  sessions[0].last_packet_uncertainty_ns = 3;
  CHECK(join_same_ends(sessions).rows[0]->last_packet_uncertainty_ns == 0);
  sessions[1].last_packet_uncertainty_ns = 4;
  CHECK(join_same_ends(sessions).rows[0]->last_packet_uncertainty_ns == 4);
  sessions[1].last_packet_ns = 4;
  CHECK(join_same_ends(sessions).rows[0]->last_packet_uncertainty_ns == 3);
}

TEST_CASE("tens of thousands of connections between the same ends are joined") {
  constexpr std::size_t kConnections = 65536;
  std::vector<SessionWindow> sessions;
  for (std::size_t i = 0; i < kConnections; ++i) {
    const auto time = static_cast<TimestampNs>(2 * i);
    sessions.push_back(session(i, kLower, kHigher, {time, time + 1}));
  }
  const RowsByEnds by_ends = join_same_ends(sessions);
  REQUIRE(by_ends.rows.size() == 1);
  CHECK(by_ends.rows[0]->packets.size() == 2 * kConnections);
}

}  // namespace
}  // namespace nicsentry::same_ends_test
