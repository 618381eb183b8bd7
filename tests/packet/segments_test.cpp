// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

#include "host/packet/parser.h"

namespace nicsentry::packet_segments_test {
namespace {

constexpr std::uint32_t kHeaders = 52;  // 20 of IPv4, 32 of TCP
constexpr std::uint32_t kUdpHeaders = 28;
constexpr std::size_t kAll = 1000;

ParsedPacket tcp_packet(std::uint8_t flags) {
  ParsedPacket packet;
  packet.protocol = Protocol::tcp;
  packet.header_bytes = kHeaders;
  packet.features.bytes = 4396;  // what the super-packet's own IP header says
  packet.features.direction = Direction::from_higher;
  packet.features.ip_flags_fragment = 0x4000;
  packet.features.tcp_window = 501;
  packet.features.tcp_flags = flags;
  return packet;
}

ParsedPacket udp_packet() {
  ParsedPacket packet;
  packet.protocol = Protocol::udp;
  packet.header_bytes = kUdpHeaders;
  packet.features.udp_payload_bytes = 2500;
  return packet;
}

event_header event_of(std::uint16_t segments, std::uint16_t payload, std::uint32_t headers, std::uint32_t last) {
  event_header event{};
  event.segments = segments;
  event.segment_payload = payload;
  event.bytes = (segments - 1u) * (headers + payload) + headers + last;
  return event;
}

std::vector<PacketFeatures> segments_of(const ParsedPacket& packet, const event_header& event,
                                        std::size_t most = kAll) {
  std::vector<PacketFeatures> out;
  append_segments(packet, event, most, out);
  return out;
}

std::vector<int> flags_of(const std::vector<PacketFeatures>& packets) {
  std::vector<int> flags;
  for (const auto& packet : packets) flags.push_back(packet.tcp_flags);
  return flags;
}

std::vector<std::uint32_t> bytes_of(const std::vector<PacketFeatures>& packets) {
  std::vector<std::uint32_t> bytes;
  for (const auto& packet : packets) bytes.push_back(packet.bytes);
  return bytes;
}

}  // namespace

TEST_CASE("a packet of one segment is one, with the event's bytes and its own flags") {
  event_header event{};
  event.segments = 1;
  event.bytes = 1500;
  const auto seen = segments_of(tcp_packet(0xff), event);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].bytes == 1500);
  CHECK(int{seen[0].tcp_flags} == 0xff);
  CHECK(segments_of(udp_packet(), event)[0].udp_payload_bytes == 2500);
  event.segments = 0;  // never sent; still a packet
  CHECK(segments_of(tcp_packet(0), event).size() == 1);
}

TEST_CASE("each segment has the headers and its payload, the last one the rest, together the event's bytes") {
  const event_header event = event_of(4, 1448, kHeaders, 100);
  const auto seen = segments_of(tcp_packet(0x10), event);
  CHECK(bytes_of(seen) == std::vector<std::uint32_t>{1500, 1500, 1500, 152});
  const auto bytes = bytes_of(seen);
  CHECK(std::accumulate(bytes.begin(), bytes.end(), 0u) == event.bytes);
  for (const auto& packet : seen) {
    CHECK(packet.direction == Direction::from_higher);
    CHECK(packet.ip_flags_fragment == 0x4000);
    CHECK(packet.tcp_window == 501);
    CHECK(packet.udp_payload_bytes == 0);
  }
}

TEST_CASE("FIN and PSH are on the last segment, CWR on the first, the others on all") {
  CHECK(flags_of(segments_of(tcp_packet(0xff), event_of(3, 1448, kHeaders, 1448))) ==
        std::vector<int>{0xf6, 0x76, 0x7f});
  CHECK(flags_of(segments_of(tcp_packet(0x18), event_of(2, 1448, kHeaders, 1))) == std::vector<int>{0x10, 0x18});
}

TEST_CASE("each UDP segment has its own payload length") {
  const auto seen = segments_of(udp_packet(), event_of(3, 1200, kUdpHeaders, 100));
  REQUIRE(seen.size() == 3);
  CHECK(bytes_of(seen) == std::vector<std::uint32_t>{1228, 1228, 128});
  CHECK(seen[0].udp_payload_bytes == 1200);
  CHECK(seen[1].udp_payload_bytes == 1200);
  CHECK(seen[2].udp_payload_bytes == 100);
}

TEST_CASE("no more segments are appended than asked for, and the last of those is not taken for the last of all") {
  const auto seen = segments_of(tcp_packet(0x19), event_of(4, 1448, kHeaders, 100), 2);
  CHECK(bytes_of(seen) == std::vector<std::uint32_t>{1500, 1500});
  CHECK(flags_of(seen) == std::vector<int>{0x10, 0x10});
  CHECK(segments_of(tcp_packet(0), event_of(4, 1448, kHeaders, 100), 0).empty());
  CHECK(segments_of(tcp_packet(0), event_of(1, 0, kHeaders, 100), 0).empty());
}

TEST_CASE("segments are appended behind what is there") {
  std::vector<PacketFeatures> out(3);
  append_segments(tcp_packet(0), event_of(2, 1448, kHeaders, 1), kAll, out);
  CHECK(out.size() == 5);
}

TEST_CASE("an event whose bytes are fewer than its segments gives the last one none, instead of wrapping") {
  event_header event = event_of(3, 1448, kHeaders, 0);
  event.bytes = 2000;
  CHECK(bytes_of(segments_of(tcp_packet(0), event)) == std::vector<std::uint32_t>{1500, 1500, 0});
  CHECK(segments_of(udp_packet(), event)[2].udp_payload_bytes == 0);
}

}  // namespace nicsentry::packet_segments_test
