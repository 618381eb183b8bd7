// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/api/json/fields.h"
#include "host/api/json/rules_json.h"
#include "host/rules/language/number_fields.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// Packets that one request may have: each takes a test run of the program.
constexpr std::size_t kExplainPacketsMax = 2000;
constexpr std::size_t kExplainFrameMax = 65536;  // bytes

// Asks how a chain judges these packets.
struct ExplainRequest {
  struct Packet {
    std::vector<std::uint8_t> frame;
    std::optional<std::size_t> length;   // on the wire; zeros stand for what `frame` lacks
    std::optional<TimestampNs> time_ns;  // by which limits are judged; none: it is within their rates
  };
  std::vector<Packet> packets;
  std::optional<ConnectionState> conntrack;  // of their sessions; none: the states in force
  bool why = false;
  bool summary = false;  // one answer for all packets with the same decision, without the packets' fields
  bool more = false;     // further requests follow: the copy of the program is kept for them
  // Requests with this in common are about one capture: what is left of its limits is kept for the next one, too.
  std::optional<std::uint64_t> capture;
};
nlohmann::ordered_json encode(const ExplainRequest& request);
template <>
ExplainRequest decode(const nlohmann::json& request);

// The decider on a packet. `nothing`: no rule is asked about it; `unjudged`, `non_ip`: the chain's settings of these
// names.
enum class Decision : std::uint8_t { nothing, unjudged, non_ip, blocked, established, rule, by_default };
const char* decision_name(Decision decision);  // "default" for by_default

// A packet's fields, named as those of a rule.
struct PacketFields {
  std::string source;
  std::string destination;
  std::uint8_t protocol = 0;
  std::optional<std::uint16_t> source_port;
  std::optional<std::uint16_t> destination_port;
  std::optional<std::string> tcp_flags;                                    // "SYN", "NONE"
  std::array<std::optional<std::uint16_t>, kNumberFields.size()> numbers;  // by NumberField
  ConnectionState state = ConnectionState::new_session;
};

// One field of a rule beside the packet's.
struct FieldComparison {
  std::string field;
  std::string rule;
  std::string packet;
  bool matches = false;
};

struct PacketExplanation {
  std::uint64_t packets = 1;  // of a summary: that it stands for
  bool dropped = false;
  Decision by = Decision::nothing;
  std::optional<NumberedRule> rule;    // that decided
  std::optional<PacketFields> packet;  // none: no rule is asked about it
  std::optional<std::string> session;  // "known", "unknown", "as asked"; with `packet`
  std::optional<std::string> conntrack_reason;
  std::optional<std::string> not_understood;  // a cause's name
  std::vector<std::size_t> counted_by;        // rules that only counted it
  // Rules whose limit holds for it; the last one is `rule` where it is beyond the rate of that.
  std::vector<std::size_t> limited_by;

  // With `why` only.
  struct PassedOver {
    std::size_t id = 0;  // of a rule before the one that decided
    FieldComparison mismatch;
  };
  struct Reasons {
    std::vector<FieldComparison> fields;
    std::vector<PassedOver> passed_over;
    std::vector<std::string> source_sets;
    std::vector<std::string> destination_sets;
  };
  std::optional<Reasons> reasons;
};
nlohmann::ordered_json encode(const PacketExplanation& explanation);
template <>
PacketExplanation decode(const nlohmann::json& answer);

struct ExplainAnswer {
  Chain chain = Chain::ingress;
  std::string asked;          // the attachment whose program was asked
  std::uint32_t program = 0;  // its id
  RuleAction default_action = RuleAction::accept;
  bool accept_established = true;
  std::size_t rules = 0;                   // of the chain
  std::vector<PacketExplanation> answers;  // one a packet
};
nlohmann::ordered_json encode(const ExplainAnswer& answer);
template <>
ExplainAnswer decode(const nlohmann::json& answer);

}  // namespace nicsentry
