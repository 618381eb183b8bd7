// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// A packet as the rules see it.
struct JudgedPacket {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  bool header = false;  // has what follows
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  ConnectionState state = ConnectionState::new_session;
  std::string interface;  // that it passes; empty: any
  // Without a value where it is not known: no rule that asks for it matches.
  std::optional<std::uint16_t> length;  // IP total length, at most 65,535
  std::optional<std::uint16_t> dscp;
  std::optional<std::uint16_t> ttl;
  std::optional<std::uint16_t> vlan;  // of the outermost tag that names one; kNoVlan: no tag

  bool has_ports() const { return header && (protocol == 6 || protocol == 17); }
  bool has_icmp_type() const { return header && (protocol == 1 || protocol == 58); }
  std::optional<std::uint16_t> number(NumberField field) const;
};

// Reads a frame of which the program has said why it does not understand it (CAUSE_*; none: it does). `bits`: STATE_*
// in its session's slot for its direction, STATE_NEW where the session is unknown. Nothing where no rule is asked: no
// IP, or no good IP header.
std::optional<JudgedPacket> judged_packet(std::span<const std::uint8_t> frame, std::optional<unsigned> cause,
                                          std::uint32_t bits, TcpPickup pickup = TcpPickup::loose);

// Why a packet's state is another than its session's, where it can be; else nothing. In one line.
std::optional<std::string> state_reason(const JudgedPacket& packet, std::optional<unsigned> cause, std::uint32_t bits,
                                        TcpPickup pickup = TcpPickup::loose);

// One field that a rule names, beside the packet's.
struct FieldCheck {
  const char* field = "";
  std::string asked;
  std::string seen;
  bool matches = false;
};

using InSet = std::function<bool(const std::string& set, const IpAddress& address)>;

// In the order of rule_json().
std::vector<FieldCheck> check_fields(const RuleMatch& match, const JudgedPacket& packet, const InSet& in_set);
// Whether all fields of a rule match. Builds no texts.
bool matches(const RuleMatch& match, const JudgedPacket& packet, const InSet& in_set);
// The first field of a rule that keeps a packet from matching; nothing where the rule matches.
std::optional<FieldCheck> first_mismatch(const RuleMatch& match, const JudgedPacket& packet, const InSet& in_set);

}  // namespace nicsentry
