// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/packet_record.h"

#include <algorithm>

#include "host/sessions/quoted_session.h"

namespace nicsentry {

namespace {

// The payload of all packets that a GSO packet becomes: each repeats the headers.
std::uint32_t payload_of(const ParsedPacket& packet, const event_header& event) {
  const std::uint32_t headers = packet.header_bytes * std::max<std::uint32_t>(event.segments, 1);
  return event.bytes - std::min(event.bytes, headers);
}

}  // namespace

std::optional<PacketRecord> read_record(const EventBatch& batch, const EventBatch::Event& event, Vlans vlans) {
  const auto bytes = batch.packet(event);
  auto packet = parse_packet(bytes);
  if (!packet) {
    return std::nullopt;
  }
  if (vlans == Vlans::part_of_sessions) {
    packet->key.key.vlans = packet->vlans;
  }
  const PacketFeatures& features = packet->features;
  const bool dropped = (event.header.verdict & ACTION_DROP) != 0;
  PacketRecord record{event.timestamp_ns,
                      event.header,
                      *packet,
                      {packet->protocol,
                       packet->key.direction,
                       features.tcp_flags,
                       features.icmp_type,
                       dropped,
                       packet->tcp_sequence,
                       packet->tcp_acknowledged,
                       payload_of(*packet, event.header),
                       {}},
                      std::nullopt};
  if (is_icmp_error(packet->protocol, features.icmp_type)) {
    record.quoted = quoted_session(bytes, *packet);
    if (record.quoted) {
      record.quoted->vlans = packet->key.key.vlans;
    }
  }
  return record;
}

}  // namespace nicsentry
