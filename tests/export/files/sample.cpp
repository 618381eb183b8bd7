// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/export/files/sample.h"

namespace nicsentry::test {
namespace {

constexpr TimestampNs noon_ns = 1'777'636'800'000'000'000;  // 2026-05-01 12:00:00 UTC
constexpr std::int64_t ns_per_second = 1'000'000'000;

}  // namespace

IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address;
  address.bytes = {a, b, c, d};
  return address;
}

IpAddress ipv6(std::uint8_t last) {
  IpAddress address;
  address.version = 6;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  address.bytes[15] = last;
  return address;
}

SessionWindow tcp_session() {
  SessionWindow session;
  session.id = 7;
  session.client = {ipv4(10, 0, 0, 1), 34567};
  session.server = {ipv4(10, 0, 0, 2), 80};
  session.server_direction = Direction::from_higher;
  session.packets_client = 3;
  session.bytes_client = 300;
  session.packets_server = 2;
  session.bytes_server = 1000;
  session.first_packet_ns = noon_ns + ns_per_second;
  session.last_packet_ns = session.first_packet_ns + 2 * ns_per_second;

  PacketFeatures syn;
  syn.timestamp_ns = session.first_packet_ns;
  syn.bytes = 60;
  syn.ip_flags_fragment = 0x4000;
  syn.tcp_flags = 0x02;
  syn.tcp_window = 64240;
  PacketFeatures syn_ack = syn;
  syn_ack.direction = Direction::from_higher;
  syn_ack.timestamp_ns += 1'000'042;
  syn_ack.tcp_flags = 0x12;
  syn_ack.tcp_window = 65160;
  session.packets = {syn, syn_ack};
  return session;
}

SessionWindow icmp_session() {
  SessionWindow session;
  session.id = 8;
  session.client.address = ipv4(10, 0, 0, 1);
  session.server.address = ipv4(10, 0, 0, 3);
  session.protocol = Protocol::icmp;
  session.server_direction = Direction::from_higher;
  session.packets_client = 1;
  session.bytes_client = 84;
  session.first_packet_ns = noon_ns + 5 * ns_per_second;
  session.last_packet_ns = session.first_packet_ns;

  PacketFeatures echo;
  echo.timestamp_ns = session.first_packet_ns;
  echo.bytes = 84;
  echo.ip_flags_fragment = 0x4000;
  echo.icmp_type = 8;
  session.packets = {echo};
  return session;
}

WindowReport sample_report() {
  Accounting attachment;
  attachment.interface = "veth0";
  attachment.hook = "xdp";
  attachment.mode = "drv";
  attachment.on_sessions = {4, 1284};
  attachment.unknown = {2, 100};
  attachment.not_understood[CAUSE_NOT_IP] = {3, 84};
  attachment.unknown_events_sent = 2;
  attachment.unknown_events_arrived = 2;
  attachment.known_events_sent = 1;
  attachment.known_events_arrived = 1;
  attachment.learned = {2, 100};
  attachment.sessions_active = 2;
  attachment.sessions_new = 2;

  WindowReport report;
  report.number = 3;
  report.start_ns = noon_ns;
  report.end_ns = noon_ns + 10 * ns_per_second;
  report.sessions = {tcp_session(), icmp_session()};
  report.attachments = {attachment};
  return report;
}

}  // namespace nicsentry::test
