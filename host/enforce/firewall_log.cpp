// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall_log.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/packet/parser.h"

namespace nicsentry {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kEthernetType = 12;
constexpr std::size_t kTagBytes = 4;
constexpr unsigned kTagsMost = 2;

unsigned be16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return at + 1 < bytes.size() ? bytes[at] * 256U + bytes[at + 1] : 0;
}

IpAddress address_at(std::span<const std::uint8_t> frame, std::size_t at, std::uint8_t version) {
  IpAddress address;
  address.version = version;
  std::copy_n(&frame[at], version == 6 ? 16 : 4, address.bytes.begin());
  return address;
}

// Addresses and protocol of a packet that is not understood beyond its IP header: a later fragment, another protocol.
void add_ip_header(std::span<const std::uint8_t> frame, ordered_json& record) {
  std::size_t at = kEthernetType;
  for (unsigned i = 0; i < kTagsMost && (be16(frame, at) == 0x8100 || be16(frame, at) == 0x88a8); ++i) {
    at += kTagBytes;
  }
  const unsigned type = be16(frame, at);
  at += 2;
  if (type == 0x0800 && at + 20 <= frame.size()) {
    record["source"] = address_at(frame, at + 12, 4).text();
    record["destination"] = address_at(frame, at + 16, 4).text();
    record["protocol"] = frame[at + 9];
  } else if (type == 0x86dd && at + 40 <= frame.size()) {
    record["source"] = address_at(frame, at + 8, 6).text();
    record["destination"] = address_at(frame, at + 24, 6).text();
    record["protocol"] = frame[at + 6];
  }
}

void add_packet(const ParsedPacket& packet, ordered_json& record) {
  record["source"] = packet.source.address.text();
  record["destination"] = packet.destination.address.text();
  record["protocol"] = protocol_name(packet.protocol);
  if (packet.protocol == Protocol::tcp || packet.protocol == Protocol::udp) {
    record["source_port"] = packet.source.port;
    record["destination_port"] = packet.destination.port;
  }
  if (packet.protocol == Protocol::tcp) {
    record["tcp_flags"] = packet.features.tcp_flags;
  }
}

}  // namespace

std::string log_record(const AttachmentName& attachment, const std::optional<Firewall::Deciding>& rule,
                       TimestampNs time_ns, const event_header& header, std::span<const std::uint8_t> frame) {
  ordered_json record = {{"time_ns", time_ns}, {"interface", attachment.interface}, {"hook", attachment.hook}};
  if (rule) {
    record["rule"] = rule->number;
    if (!rule->rule.description.empty()) {
      record["description"] = rule->rule.description;
    }
  }
  if (const auto packet = parse_packet(frame)) {
    add_packet(*packet, record);
  } else {
    add_ip_header(frame, record);
  }
  record["bytes"] = header.bytes;
  record["packets"] = header.segments;
  return record.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace nicsentry
