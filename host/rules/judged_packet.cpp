// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/judged_packet.h"

#include <netinet/in.h>

#include <algorithm>

#include "bpf_offload/icmp.h"
#include "bpf_offload/tcp.h"
#include "host/packet/ip_header.h"
#include "host/packet/parser.h"
#include "host/packet/tcp_flags.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/number_fields.h"

namespace nicsentry {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kLengthMost = FIELD_LENGTH_MOST;

// IPv6 with payload length 0 and hop-by-hop options is as long as its frame.
std::size_t length_of(const IpView& ip, std::size_t in_frame) {
  const bool jumbo = ip.version() == 6 && ip.total_bytes() == kIpv6HeaderBytes && ip.protocol() == IPPROTO_HOPOPTS;
  return jumbo ? in_frame : ip.total_bytes();
}

std::optional<JudgedPacket> read_ip(Bytes frame) {
  const IpPosition found = find_ip(frame);
  const auto ip = found.version == 0 ? std::nullopt : IpView::read(frame.subspan(found.offset), found.version);
  if (!ip || (ip->version() == 4 && ip->total_bytes() < ip->header_bytes())) return std::nullopt;
  JudgedPacket packet;
  packet.source = ip->source();
  packet.destination = ip->destination();
  packet.protocol = ip->protocol();
  packet.dscp = ip->dscp();
  packet.ttl = ip->ttl();
  packet.vlan = first_tag(frame).value_or(kNoVlan);
  // The program steps over extension headers only where the frame holds all that the IP length says.
  if (found.offset + ip->total_bytes() <= frame.size()) packet.protocol = ip->transport(ip->total_bytes()).protocol;
  packet.length = static_cast<std::uint16_t>(std::min(length_of(*ip, frame.size() - found.offset), kLengthMost));
  const std::size_t code = found.offset + ip->transport().offset + 1;
  if (code < frame.size()) packet.icmp_code = frame[code];
  return packet;
}

bool is_icmp(const JudgedPacket& packet) {
  return packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6;
}

// Which of its session's states an ICMP packet can have: bits.
std::uint32_t states_of(const JudgedPacket& packet) {
  return icmp_states(packet.icmp_type, packet.protocol == IPPROTO_ICMPV6);
}

bool is_of_connection(const JudgedPacket& packet, std::uint32_t bits) {
  return packet.protocol == IPPROTO_TCP && (bits == STATE_ESTABLISHED || bits == STATE_CLOSED);
}

// As walk() and state_beyond_slot() in bpf_offload/, and MatchRow::accepts_misc().
ConnectionState state_of(const JudgedPacket& packet, std::optional<unsigned> cause, std::uint32_t bits,
                         TcpPickup pickup) {
  if (cause == CAUSE_LATER_FRAGMENT) return ConnectionState::established;
  if (cause == CAUSE_PROTOCOL) return ConnectionState::new_session;
  if (cause) return ConnectionState::invalid;
  if (is_icmp(packet)) return static_cast<ConnectionState>(bits & states_of(packet));
  if (is_of_connection(packet, bits)) {
    if (tcp_goes_on(packet.tcp_flags) != 0) return ConnectionState::established;
    bits = STATE_NEW;
  }
  if (bits == STATE_NEW && packet.protocol == IPPROTO_TCP && !can_begin(packet.tcp_flags, pickup)) {
    return ConnectionState::invalid;
  }
  return static_cast<ConnectionState>(bits);
}

std::string join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined;
}

bool matches(const AddressMatch& match, const IpAddress& address, const InSet& in_set) {
  const auto in_ranges = [&address](const std::vector<AddressRange>& ranges) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const AddressRange& range) { return range.contains(address); });
  };
  const auto in_sets = [&](const std::vector<std::string>& sets) {
    return std::any_of(sets.begin(), sets.end(), [&](const std::string& set) { return in_set(set, address); });
  };
  if (in_ranges(match.except_ranges) || in_sets(match.except_sets)) return false;
  return (match.ranges.empty() && match.sets.empty()) || in_ranges(match.ranges) || in_sets(match.sets);
}

bool matches(const std::vector<PortRange>& asked, const JudgedPacket& packet, std::uint16_t port) {
  return asked.empty() ||
         (packet.has_ports() &&
          std::any_of(asked.begin(), asked.end(), [port](const PortRange& range) { return range.contains(port); }));
}

bool matches_protocol(const std::vector<std::uint8_t>& asked, const JudgedPacket& packet) {
  return asked.empty() || std::find(asked.begin(), asked.end(), packet.protocol) != asked.end();
}

bool matches(const InterfaceMatch& asked, const JudgedPacket& packet) {
  return packet.interface.empty() || asked.accepts(packet.interface);
}

bool matches(const TcpFlagsMatch& asked, const JudgedPacket& packet) {
  return packet.header && packet.protocol == IPPROTO_TCP && (packet.tcp_flags & asked.mask) == asked.value;
}

bool matches(const NumberRanges& asked, std::optional<std::uint16_t> seen) {
  return asked.empty() || (seen && std::any_of(asked.begin(), asked.end(),
                                               [seen](const PortRange& range) { return range.contains(*seen); }));
}

bool matches_numbers(const RuleMatch& match, const JudgedPacket& packet) {
  return std::all_of(kNumberFields.begin(), kNumberFields.end(), [&](NumberField field) {
    return match.number(field).empty() || matches(match.number(field), packet.number(field));
  });
}

std::string seen_text(NumberField field, const JudgedPacket& packet) {
  const auto seen = packet.number(field);
  return seen ? number_text(field, *seen, field == NumberField::icmp_code ? std::uint8_t{0} : packet.protocol) : "none";
}

bool is_unjudged(std::optional<unsigned> cause) { return cause && *cause >= CAUSE_VLAN_DEPTH; }

std::string flags_text(std::uint8_t flags) { return flags == 0 ? "none" : tcp_flags_text({flags, flags}); }

}  // namespace

std::optional<std::uint16_t> JudgedPacket::number(NumberField field) const {
  switch (field) {
    case NumberField::icmp_type:
      return has_icmp_type() ? std::optional<std::uint16_t>(icmp_type) : std::nullopt;
    case NumberField::icmp_code:
      return has_icmp_type() ? std::optional<std::uint16_t>(icmp_code) : std::nullopt;
    case NumberField::length:
      return length;
    case NumberField::dscp:
      return dscp;
    case NumberField::ttl:
      return ttl;
    case NumberField::vlan:
      return vlan;
  }
  return std::nullopt;
}

std::optional<JudgedPacket> judged_packet(Bytes frame, std::optional<unsigned> cause, std::uint32_t bits,
                                          TcpPickup pickup) {
  auto packet = read_ip(frame);
  if (!packet) return std::nullopt;
  if (is_unjudged(cause)) packet->length.reset();
  if (const auto parsed = parse_packet(frame); !cause && parsed) {
    packet->header = true;
    packet->protocol = static_cast<std::uint8_t>(parsed->protocol);
    packet->source_port = parsed->source.port;
    packet->destination_port = parsed->destination.port;
    packet->tcp_flags = parsed->features.tcp_flags;
    packet->icmp_type = parsed->features.icmp_type;
  }
  packet->state = state_of(*packet, cause, bits, pickup);
  return packet;
}

std::optional<std::string> state_reason(const JudgedPacket& packet, std::optional<unsigned> cause, std::uint32_t bits,
                                        TcpPickup pickup) {
  if (cause == CAUSE_LATER_FRAGMENT) return "a later fragment follows its first one, where no rule decides";
  if (cause == CAUSE_PROTOCOL) return "its protocol is not tracked";
  if (cause) return "what follows its IP header is not understood";
  if (is_icmp(packet) && states_of(packet) == 0) {
    return "only replies and errors over ICMP have a state of their session";
  }
  if (is_of_connection(packet, bits) && tcp_goes_on(packet.tcp_flags) == 0) {
    if (!is_plain_syn(packet.tcp_flags)) return "no segment of a connection has such flags";
    return bits == STATE_CLOSED ? "its connection is closed" : "a SYN begins a connection anew";
  }
  if (bits == STATE_NEW && packet.protocol == IPPROTO_TCP && !can_begin(packet.tcp_flags, pickup)) {
    return pickup == TcpPickup::loose ? "of no session that is known, and neither a plain SYN nor an ACK"
                                      : "of no session that is known, and no plain SYN";
  }
  return std::nullopt;
}

std::vector<FieldCheck> check_fields(const RuleMatch& match, const JudgedPacket& packet, const InSet& in_set) {
  std::vector<FieldCheck> checks;
  const auto check_address = [&](const char* field, const AddressMatch& asked, const IpAddress& seen) {
    if (!asked.any()) {
      checks.push_back({field, join(address_terms(asked)), seen.text(), matches(asked, seen, in_set)});
    }
  };
  const auto check_port = [&](const char* field, const std::vector<PortRange>& asked, std::uint16_t seen) {
    if (!asked.empty()) {
      checks.push_back(
          {field, ports_text(asked), packet.has_ports() ? std::to_string(seen) : "none", matches(asked, packet, seen)});
    }
  };
  const auto check_interface = [&](const char* field, const InterfaceMatch& asked) {
    if (!asked.any()) {
      checks.push_back({field, join(interface_terms(asked)), packet.interface.empty() ? "any" : packet.interface,
                        matches(asked, packet)});
    }
  };
  check_interface("in", match.in);
  check_interface("out", match.out);
  check_address("src", match.source, packet.source);
  check_address("dst", match.destination, packet.destination);
  if (!match.protocols.empty()) {
    checks.push_back({"l4proto", protocols_text(match.protocols), protocol_text(packet.protocol),
                      matches_protocol(match.protocols, packet)});
  }
  check_port("sport", match.source_ports, packet.source_port);
  check_port("dport", match.destination_ports, packet.destination_port);
  if (match.tcp_flags) {
    const bool tcp = packet.header && packet.protocol == IPPROTO_TCP;
    checks.push_back({"tcpflags", tcp_flags_text(*match.tcp_flags), tcp ? flags_text(packet.tcp_flags) : "none",
                      matches(*match.tcp_flags, packet)});
  }
  for (const NumberField field : kNumberFields) {
    if (!match.number(field).empty()) {
      checks.push_back({number_field_name(field), numbers_text(field, match), seen_text(field, packet),
                        matches(match.number(field), packet.number(field))});
    }
  }
  if (match.state) {
    checks.push_back({"conntrack", state_name(*match.state), state_name(packet.state), *match.state == packet.state});
  }
  return checks;
}

bool matches(const RuleMatch& match, const JudgedPacket& packet, const InSet& in_set) {
  return matches_protocol(match.protocols, packet) && (!match.state || *match.state == packet.state) &&
         matches(match.source_ports, packet, packet.source_port) &&
         matches(match.destination_ports, packet, packet.destination_port) &&
         (!match.tcp_flags || matches(*match.tcp_flags, packet)) && matches_numbers(match, packet) &&
         matches(match.in, packet) && matches(match.out, packet) && matches(match.source, packet.source, in_set) &&
         matches(match.destination, packet.destination, in_set);
}

std::optional<FieldCheck> first_mismatch(const RuleMatch& match, const JudgedPacket& packet, const InSet& in_set) {
  for (FieldCheck& check : check_fields(match, packet, in_set)) {
    if (!check.matches) return std::move(check);
  }
  return std::nullopt;
}

}  // namespace nicsentry
