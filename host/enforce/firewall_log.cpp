// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/firewall_log.h"

#include <nlohmann/json.hpp>

#include "host/base/rfc3339.h"
#include "host/packet/ip_header.h"
#include "host/packet/parser.h"

namespace nicsentry {
namespace {

using nlohmann::ordered_json;

void add_vlans(const VlanIds& vlans, ordered_json& record) {
  if (const std::string text = vlans.text(); !text.empty()) {
    record["vlan"] = text;
  }
}

// Addresses and protocol of a packet that is unparsed beyond its IP header: a later fragment, another protocol.
void add_ip_header(std::span<const std::uint8_t> frame, ordered_json& record) {
  const IpPosition found = find_ip(frame);
  const auto ip = found.version == 0 ? std::nullopt : IpView::read(frame.subspan(found.offset), found.version);
  if (ip) {
    add_vlans(found.vlans, record);
    record["source"] = ip->source().text();
    record["destination"] = ip->destination().text();
    record["protocol"] = ip->protocol();
  }
}

void add_packet(const ParsedPacket& packet, ordered_json& record) {
  add_vlans(packet.vlans, record);
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
  ordered_json record = {{"time_ns", time_ns},
                         {"time", rfc3339(time_ns)},
                         {"interface", attachment.interface},
                         {"hook", attachment.hook},
                         {"verdict", (header.verdict & ACTION_DROP) != 0 ? "drop" : "accept"}};
  if (rule) {
    record["rule"] = rule->number;
    if (!rule->rule->description.empty()) {
      record["description"] = rule->rule->description;
    }
    if (const std::uint32_t every = logged_one_of(*rule->rule); every > 1) {
      record["every"] = every;
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

std::string left_out_record(TimestampNs time_ns, std::uint64_t left_out) {
  return ordered_json{{"time_ns", time_ns}, {"time", rfc3339(time_ns)}, {"left_out", left_out}}.dump();
}

std::string lost_record(TimestampNs time_ns, const std::string& interface, const std::string& hook,
                        std::uint64_t events) {
  return ordered_json{{"time_ns", time_ns},
                      {"time", rfc3339(time_ns)},
                      {"interface", interface},
                      {"hook", hook},
                      {"events_lost", events}}
      .dump();
}

}  // namespace nicsentry
