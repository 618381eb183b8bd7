// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/explain_json.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/field_text.h"

namespace nicsentry {
namespace {

using json_fields::kBool;
using json_fields::kNumber;
using json_fields::kText;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kStates = "NEW, ESTABLISHED, RELATED or INVALID";
constexpr const char* kVerdicts = "drop or accept";
constexpr Decision kDecisions[] = {Decision::nothing,     Decision::unjudged, Decision::non_ip,    Decision::blocked,
                                   Decision::established, Decision::rule,     Decision::by_default};

ConnectionState get_state(Fields& fields) {
  const auto state = parse_state(fields.get<std::string>("conntrack", kStates));
  if (!state) {
    fields.fail("conntrack", kStates);
  }
  return *state;
}

bool get_drop(Fields& fields, const char* name) {
  const auto text = fields.get<std::string>(name, kVerdicts);
  if (text != default_action_name(RuleAction::drop) && text != default_action_name(RuleAction::accept)) {
    fields.fail(name, kVerdicts);
  }
  return text == default_action_name(RuleAction::drop);
}

Decision get_decision(Fields& fields) {
  const auto text = fields.get<std::string>("decided_by", kText);
  for (const Decision decision : kDecisions) {
    if (text == decision_name(decision)) {
      return decision;
    }
  }
  fields.fail("decided_by", "nothing, unjudged, non_ip, blocked, established, rule or default");
}

constexpr const char* kFrame = "a list of bytes, or their hexadecimal digits";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// A list of numbers takes ten times as long to print and read.
std::string hex_text(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += kHexDigits[byte >> 4U];
    text += kHexDigits[byte & 0xfU];
  }
  return text;
}

std::vector<std::uint8_t> get_frame(Fields& fields) {
  const json& frame = fields.at("frame", kFrame);
  if (!frame.is_string()) {
    return fields.get<std::vector<std::uint8_t>>("frame", kFrame);
  }
  const auto& text = frame.get_ref<const std::string&>();
  std::vector<std::uint8_t> bytes(text.size() / 2);
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t digit = kHexDigits.find(text[at]);
    if (digit == std::string_view::npos || text.size() % 2 != 0) {
      fields.fail("frame", kFrame);
    }
    bytes[at / 2] = static_cast<std::uint8_t>(unsigned{bytes[at / 2]} << 4U | digit);
  }
  return bytes;
}

ExplainRequest::Packet get_packet(Fields fields) {
  ExplainRequest::Packet packet;
  packet.frame = get_frame(fields);
  if (packet.frame.size() > kExplainFrameMax) {
    fields.fail("frame", "at most " + std::to_string(kExplainFrameMax) + " bytes");
  }
  packet.length = fields.find<std::size_t>("length", "a number of bytes");
  if (const auto time = fields.find<std::uint64_t>("time_ns", "nanoseconds since 1970")) {
    packet.time_ns = static_cast<TimestampNs>(*time);
  }
  fields.finish();
  return packet;
}

constexpr const char* kNoTag = "none";  // a VLAN

ordered_json number_json(NumberField field, std::uint16_t number) {
  if (field == NumberField::vlan && number == kNoVlan) {
    return kNoTag;
  }
  return number;
}

std::optional<std::uint16_t> find_number(Fields& fields, NumberField field) {
  const char* name = number_field_name(field);
  if (field == NumberField::vlan && fields.has(name) && fields.at(name, kNumber).is_string()) {
    const auto text = fields.get<std::string>(name, kText);
    if (text != kNoTag) {
      fields.fail(name, "a VLAN id, or none");
    }
    return kNoVlan;
  }
  return fields.find<std::uint16_t>(name, kNumber);
}

ordered_json encode(const PacketFields& packet) {
  const char* protocol = protocol_keyword(packet.protocol);
  ordered_json object = {{"src", packet.source}, {"dst", packet.destination}};
  object["l4proto"] = protocol != nullptr ? ordered_json(protocol) : ordered_json(packet.protocol);
  if (packet.source_port) {
    object["sport"] = *packet.source_port;
  }
  if (packet.destination_port) {
    object["dport"] = *packet.destination_port;
  }
  if (packet.tcp_flags) {
    object["tcpflags"] = *packet.tcp_flags;
  }
  for (const NumberField field : kNumberFields) {
    if (const auto& number = packet.numbers.at(static_cast<std::size_t>(field))) {
      object[number_field_name(field)] = number_json(field, *number);
    }
  }
  object["conntrack"] = state_name(packet.state);
  return object;
}

std::uint8_t get_protocol(Fields& fields) {
  constexpr const char* kProtocols = "a protocol's name or number";
  if (fields.at("l4proto", kProtocols).is_string()) {
    const auto protocol = parse_protocol(fields.get<std::string>("l4proto", kProtocols));
    if (!protocol) {
      fields.fail("l4proto", kProtocols);
    }
    return *protocol;
  }
  return fields.get<std::uint8_t>("l4proto", kProtocols);
}

PacketFields get_packet_fields(Fields fields) {
  PacketFields packet;
  packet.source = fields.get<std::string>("src", "an address");
  packet.destination = fields.get<std::string>("dst", "an address");
  packet.protocol = get_protocol(fields);
  packet.source_port = fields.find<std::uint16_t>("sport", "a port");
  packet.destination_port = fields.find<std::uint16_t>("dport", "a port");
  packet.tcp_flags = fields.find<std::string>("tcpflags", kText);
  for (const NumberField field : kNumberFields) {
    packet.numbers.at(static_cast<std::size_t>(field)) = find_number(fields, field);
  }
  packet.state = get_state(fields);
  return packet;
}

ordered_json encode(const FieldComparison& comparison) {
  return {{"field", comparison.field},
          {"rule", comparison.rule},
          {"packet", comparison.packet},
          {"matches", comparison.matches}};
}

FieldComparison get_comparison(Fields fields) {
  return {fields.get<std::string>("field", kText), fields.get<std::string>("rule", kText),
          fields.get<std::string>("packet", kText), fields.get<bool>("matches", kBool)};
}

void add_reasons(ordered_json& object, const PacketExplanation::Reasons& reasons) {
  object["fields"] = ordered_json::array();
  for (const FieldComparison& comparison : reasons.fields) {
    object["fields"].push_back(encode(comparison));
  }
  object["passed_over"] = ordered_json::array();
  for (const PacketExplanation::PassedOver& passed : reasons.passed_over) {
    ordered_json one = {{"id", passed.id}};
    one.update(encode(passed.mismatch));
    object["passed_over"].push_back(std::move(one));
  }
  object["src_sets"] = reasons.source_sets;
  object["dst_sets"] = reasons.destination_sets;
}

PacketExplanation::Reasons get_reasons(Fields& fields) {
  PacketExplanation::Reasons reasons;
  const json& comparisons = fields.list("fields");
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    reasons.fields.push_back(get_comparison(fields.element("fields", comparisons, i)));
  }
  const json& passed = fields.list("passed_over");
  reasons.passed_over.reserve(passed.size());
  for (std::size_t i = 0; i < passed.size(); ++i) {
    Fields one = fields.element("passed_over", passed, i);
    reasons.passed_over.push_back({one.get<std::size_t>("id", kNumber), get_comparison(std::move(one))});
  }
  reasons.source_sets = fields.get<std::vector<std::string>>("src_sets", "a list of names");
  reasons.destination_sets = fields.get<std::vector<std::string>>("dst_sets", "a list of names");
  return reasons;
}

}  // namespace

const char* decision_name(Decision decision) {
  switch (decision) {
    case Decision::nothing:
      return "nothing";
    case Decision::unjudged:
      return "unjudged";
    case Decision::non_ip:
      return "non_ip";
    case Decision::blocked:
      return "blocked";
    case Decision::established:
      return "established";
    case Decision::rule:
      return "rule";
    case Decision::by_default:
      return "default";
  }
  return "";
}

ordered_json encode(const ExplainRequest& request) {
  ordered_json packets = ordered_json::array();
  for (const ExplainRequest::Packet& packet : request.packets) {
    ordered_json object = {{"frame", hex_text(packet.frame)}};
    if (packet.length) {
      object["length"] = *packet.length;
    }
    if (packet.time_ns) {
      object["time_ns"] = *packet.time_ns;
    }
    packets.push_back(std::move(object));
  }
  ordered_json object = {{"packets", std::move(packets)}, {"why", request.why}};
  if (request.conntrack) {
    object["conntrack"] = state_name(*request.conntrack);
  }
  if (request.summary) {
    object["summary"] = true;
  }
  if (request.more) {
    object["more"] = true;
  }
  if (request.capture) {
    object["capture"] = *request.capture;
  }
  return object;
}

template <>
ExplainRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  ExplainRequest decoded;
  const json& packets = fields.list("packets", "a list of packets");
  if (packets.size() > kExplainPacketsMax) {
    throw BadRequest("packets: read " + std::to_string(packets.size()) + " packets, allowed are " +
                     std::to_string(kExplainPacketsMax) + " at most");
  }
  decoded.packets.reserve(packets.size());
  for (std::size_t i = 0; i < packets.size(); ++i) {
    decoded.packets.push_back(get_packet(fields.element("packets", packets, i)));
  }
  if (fields.has("conntrack")) {
    decoded.conntrack = get_state(fields);
  }
  decoded.why = fields.find<bool>("why", kBool).value_or(false);
  decoded.summary = fields.find<bool>("summary", kBool).value_or(false);
  decoded.more = fields.find<bool>("more", kBool).value_or(false);
  decoded.capture = fields.find<std::uint64_t>("capture", kNumber);
  fields.finish();
  return decoded;
}

ordered_json encode(const PacketExplanation& explanation) {
  ordered_json object = {{"verdict", default_action_name(explanation.dropped ? RuleAction::drop : RuleAction::accept)},
                         {"decided_by", decision_name(explanation.by)}};
  if (explanation.rule) {
    object["rule"] = nicsentry::encode(*explanation.rule);
  }
  if (explanation.packet) {
    object["packet"] = encode(*explanation.packet);
  }
  if (explanation.session) {
    object["session"] = *explanation.session;
  }
  if (explanation.conntrack_reason) {
    object["conntrack_reason"] = *explanation.conntrack_reason;
  }
  if (explanation.not_understood) {
    object["not_understood"] = *explanation.not_understood;
  }
  object["counted_by"] = explanation.counted_by;
  if (!explanation.limited_by.empty()) {
    object["limited_by"] = explanation.limited_by;
  }
  if (explanation.packets != 1) {
    object["packets"] = explanation.packets;
  }
  if (explanation.reasons) {
    add_reasons(object, *explanation.reasons);
  }
  return object;
}

namespace {

// Rules as they were read before: thousands of packets are decided by a few.
using ReadRules = std::map<json, NumberedRule>;

PacketExplanation get_explanation(const json& answer, ReadRules& rules) {
  Fields fields(answer, Origin::answer);
  PacketExplanation decoded;
  decoded.dropped = get_drop(fields, "verdict");
  decoded.by = get_decision(fields);
  if (fields.has("rule")) {
    const json& rule = fields.at("rule", "a rule");
    auto known = rules.find(rule);
    if (known == rules.end()) {
      known = rules.emplace(rule, decode<NumberedRule>(rule)).first;
    }
    decoded.rule = known->second;
  }
  if (decoded.by == Decision::rule && !decoded.rule) {
    fields.fail("rule", "the rule that decided");
  }
  if (fields.has("packet")) {
    decoded.packet = get_packet_fields(fields.object("packet"));
    decoded.session = fields.get<std::string>("session", "known, unknown or as asked");
  }
  decoded.conntrack_reason = fields.find<std::string>("conntrack_reason", kText);
  decoded.not_understood = fields.find<std::string>("not_understood", kText);
  decoded.packets = fields.find<std::uint64_t>("packets", kNumber).value_or(1);
  decoded.counted_by = fields.get<std::vector<std::size_t>>("counted_by", "a list of rules");
  decoded.limited_by =
      fields.find<std::vector<std::size_t>>("limited_by", "a list of rules").value_or(std::vector<std::size_t>{});
  if (fields.has("fields")) {
    decoded.reasons = get_reasons(fields);
  }
  return decoded;
}

}  // namespace

template <>
PacketExplanation decode(const json& answer) {
  ReadRules rules;
  return get_explanation(answer, rules);
}

ordered_json encode(const ExplainAnswer& answer) {
  ordered_json answers = ordered_json::array();
  for (const PacketExplanation& explanation : answer.answers) {
    answers.push_back(encode(explanation));
  }
  return {{"chain", chain_name(answer.chain)},
          {"asked", answer.asked},
          {"program", answer.program},
          {"default", default_action_name(answer.default_action)},
          {"accept_established", answer.accept_established},
          {"rules", answer.rules},
          {"answers", std::move(answers)}};
}

template <>
ExplainAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  ExplainAnswer decoded;
  const auto chain = fields.get<std::string>("chain", "ingress or egress");
  if (chain != chain_name(Chain::ingress) && chain != chain_name(Chain::egress)) {
    fields.fail("chain", "ingress or egress");
  }
  decoded.chain = chain == chain_name(Chain::egress) ? Chain::egress : Chain::ingress;
  decoded.asked = fields.get<std::string>("asked", kText);
  decoded.program = fields.get<std::uint32_t>("program", kNumber);
  decoded.default_action = get_drop(fields, "default") ? RuleAction::drop : RuleAction::accept;
  decoded.accept_established = fields.get<bool>("accept_established", kBool);
  decoded.rules = fields.get<std::size_t>("rules", kNumber);
  const json& answers = fields.list("answers");
  decoded.answers.reserve(answers.size());
  ReadRules rules;
  for (const json& one : answers) {
    decoded.answers.push_back(get_explanation(one, rules));
  }
  return decoded;
}

}  // namespace nicsentry
