// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/explanation_text.h"

#include <algorithm>
#include <vector>

#include "host/base/text_table.h"
#include "host/rules/language/field_text.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {
namespace {

constexpr std::size_t kPassedShown = 10;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "none" : text;
}

std::string joined(const std::vector<std::size_t>& rules) {
  std::vector<std::string> names;
  names.reserve(rules.size());
  for (const std::size_t rule : rules) {
    names.push_back(std::to_string(rule));
  }
  return joined(names);
}

std::string end_text(const std::string& address, std::optional<std::uint16_t> port) {
  if (!port) {
    return address;
  }
  return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + std::to_string(*port);
}

// The ICMP type and code, and the VLAN where there is one.
std::string numbers_text(const PacketFields& packet) {
  const auto number = [&packet](NumberField field) { return packet.numbers.at(static_cast<std::size_t>(field)); };
  std::string text;
  if (const auto type = number(NumberField::icmp_type)) {
    text += " " + number_text(NumberField::icmp_type, *type, packet.protocol);
    const std::uint16_t code = number(NumberField::icmp_code).value_or(0);
    text += code == 0 ? "" : " code " + std::to_string(code);
  }
  if (const auto vlan = number(NumberField::vlan); vlan && *vlan != kNoVlan) {
    text += " vlan " + std::to_string(*vlan);
  }
  return text;
}

std::string blocked_line(const ExplainAnswer& asked, const PacketExplanation& explanation) {
  const bool egress = asked.chain == Chain::egress;
  const PacketFields packet = explanation.packet.value_or(PacketFields{});
  const auto reasons = explanation.reasons.value_or(PacketExplanation::Reasons{});
  const auto& sets = egress ? reasons.destination_sets : reasons.source_sets;
  const auto in = [&sets](const char* set) { return std::find(sets.begin(), sets.end(), set) != sets.end(); };
  const char* answer = !in(kBlockedSet)  ? " is not in the set"
                       : in(kAllowedSet) ? " is in the set, but in 'allowed' too"
                                         : " is in the set: drop";
  return (egress ? packet.destination : packet.source) + answer;
}

std::string established_line(const ExplainAnswer& asked, const PacketExplanation& explanation) {
  if (!asked.accept_established) {
    return "accept-established is off for the chain";
  }
  const PacketFields packet = explanation.packet.value_or(PacketFields{});
  return std::string("the packet is ") + state_name(packet.state) +
         (explanation.by == Decision::established ? ": accept" : "");
}

std::string rules_line(const ExplainAnswer& asked, const PacketExplanation& explanation) {
  std::string line;
  if (explanation.by == Decision::rule && explanation.rule) {
    line = decision_text(explanation) + " is the first that matches: " + verdict_text(explanation);
  } else {
    line = asked.rules == 0 ? "there are none" : "none of " + std::to_string(asked.rules) + " decides";
  }
  if (!explanation.counted_by.empty()) {
    line += "; counted by " + joined(explanation.counted_by);
  }
  return line;
}

std::string passed_over(const PacketExplanation::Reasons& reasons) {
  std::string text;
  const std::size_t shown = std::min(reasons.passed_over.size(), kPassedShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [id, mismatch] = reasons.passed_over[i];
    text += "       rule " + std::to_string(id) + " does not match: " + mismatch.field + " is " + mismatch.packet +
            ", not " + mismatch.rule + "\n";
  }
  if (reasons.passed_over.size() > shown) {
    text += "       and " + std::to_string(reasons.passed_over.size() - shown) + " more (--json has them)\n";
  }
  return text;
}

std::string order_text(const ExplainAnswer& asked, const PacketExplanation& explanation) {
  std::string text = "order of decision:\n  1 blocked      " + blocked_line(asked, explanation) + "\n";
  if (explanation.by == Decision::blocked) {
    return text;
  }
  if (!explanation.limited_by.empty()) {
    text += "    limits       taken for within their rate here; beyond it packets like this are dropped by rule " +
            joined(explanation.limited_by) + "\n";
  }
  text += "  2 established  " + established_line(asked, explanation) + "\n";
  if (explanation.by == Decision::established) {
    return text;
  }
  text += "  3 rules        " + rules_line(asked, explanation) + "\n";
  text += passed_over(explanation.reasons.value_or(PacketExplanation::Reasons{}));
  return explanation.by == Decision::by_default
             ? text + "  4 default      " + default_action_name(asked.default_action) + "\n"
             : text;
}

std::string fields_text(const PacketExplanation::Reasons& reasons) {
  if (reasons.fields.empty()) {
    return {};
  }
  TextTable table({{"FIELD"}, {"PACKET"}, {"RULE"}});
  for (const FieldComparison& comparison : reasons.fields) {
    table.add({comparison.field, comparison.packet, comparison.rule});
  }
  return table.text();
}

std::string session_text(const PacketExplanation& explanation) {
  const PacketFields packet = explanation.packet.value_or(PacketFields{});
  const std::string session = explanation.session.value_or("unknown");
  const std::string reason = explanation.conntrack_reason ? *explanation.conntrack_reason
                             : session == "known"         ? "as its session's"
                             : session == "unknown"       ? "its session is not known"
                                                          : session;
  return std::string(state_name(packet.state)) + " (" + reason + ")";
}

std::string decided_by_text(const ExplainAnswer& asked, const PacketExplanation& explanation) {
  switch (explanation.by) {
    case Decision::rule:
      return decision_text(explanation) + " of " + chain_name(asked.chain);
    case Decision::unjudged:
      return std::string("the setting unjudged of ") + chain_name(asked.chain);
    case Decision::non_ip:
      return std::string("the setting non-ip of ") + chain_name(asked.chain);
    case Decision::blocked:
      return "the set blocked";
    case Decision::established:
      return "accept-established";
    default:
      return std::string("the default of ") + chain_name(asked.chain);
  }
}

}  // namespace

std::string rule_text(const NumberedRule& rule) { return encode(rule).dump(); }

std::string packet_text(const PacketExplanation& explanation) {
  if (!explanation.packet) {
    return "not a valid IP packet (" + explanation.not_understood.value_or("-") + ")";
  }
  const PacketFields& packet = *explanation.packet;
  std::string text = protocol_text(packet.protocol) + " " + end_text(packet.source, packet.source_port) + " > " +
                     end_text(packet.destination, packet.destination_port);
  if (packet.tcp_flags) {
    text += " " + *packet.tcp_flags;
  }
  text += numbers_text(packet);
  return text + " " + state_name(packet.state);
}

std::string decision_text(const PacketExplanation& explanation) {
  return explanation.by == Decision::rule && explanation.rule ? "rule " + std::to_string(explanation.rule->id)
                                                              : decision_name(explanation.by);
}

std::string limits_text(const PacketExplanation& explanation) {
  std::vector<std::size_t> within = explanation.limited_by;
  const bool beyond = explanation.rule && std::erase(within, explanation.rule->id) != 0;
  std::string text = within.empty() ? "" : " within the limit of rule " + joined(within);
  return beyond ? text + " beyond its limit" : text;
}

std::string verdict_text(const PacketExplanation& explanation) {
  return default_action_name(explanation.dropped ? RuleAction::drop : RuleAction::accept);
}

std::string explanation_text(const ExplainAnswer& asked, const PacketExplanation& explanation) {
  std::string text = "packet     " + packet_text(explanation) + "\n";
  if (explanation.by == Decision::nothing) {
    return text + "verdict    " + verdict_text(explanation) + ": no rule is asked about it\n";
  }
  text += "verdict    " + verdict_text(explanation) + ", by " + decided_by_text(asked, explanation) + "\n";
  if (!explanation.packet) {
    return text;
  }
  if (explanation.rule) {
    text += "rule       " + rule_text(*explanation.rule) + "\n";
  }
  const auto reasons = explanation.reasons.value_or(PacketExplanation::Reasons{});
  text += "conntrack  " + session_text(explanation) + "\n";
  text +=
      "sets       src is in " + joined(reasons.source_sets) + "; dst is in " + joined(reasons.destination_sets) + "\n";
  text += fields_text(reasons) + order_text(asked, explanation);
  return text + "asked      program " + std::to_string(asked.program) + " (" + asked.asked + ")\n";
}

}  // namespace nicsentry
