// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/explanation_text.h"

#include <algorithm>
#include <vector>

#include "host/cli/json_text.h"
#include "host/cli/text_table.h"

namespace nicsentry {
namespace {

using nlohmann::json;

constexpr std::size_t kPassedShown = 10;

json member(const json& object, const char* name) { return object.value(name, json()); }

std::string joined(const json& list) {
  std::string text;
  for (const json& one : list) {
    text += (text.empty() ? "" : ", ") + (one.is_string() ? one.get<std::string>() : one.dump());
  }
  return text.empty() ? "none" : text;
}

std::string end_text(const json& packet, const char* address_name, const char* port_name) {
  std::string address = member_text(packet, address_name);
  if (!packet.contains(port_name)) {
    return address;
  }
  return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" +
         member_text(packet, port_name);
}

bool contains(const json& list, const std::string& text) {
  return std::any_of(list.begin(), list.end(), [&text](const json& one) { return one == text; });
}

std::string blocked_line(const json& chain, const json& answer) {
  const bool egress = member_text(chain, "chain") == "egress";
  const std::string far = member_text(member(answer, "packet"), egress ? "dst" : "src");
  const bool blocked = contains(member(answer, egress ? "dst_sets" : "src_sets"), "blocked");
  return far + (blocked ? " is in the set: drop" : " is not in the set");
}

std::string established_line(const json& chain, const json& answer) {
  if (!chain.value("accept_established", true)) {
    return "accept-established is off for the chain";
  }
  const std::string state = member_text(member(answer, "packet"), "conntrack");
  return "the packet is " + state + (member_text(answer, "decided_by") == "established" ? ": accept" : "");
}

std::string rules_line(const json& chain, const json& answer) {
  const std::string by = member_text(answer, "decided_by");
  std::string line = by == "rule" ? "rule " + member_text(member(answer, "rule"), "id") +
                                        " is the first that matches: " + member_text(answer, "verdict")
                     : chain.value("rules", 0ULL) == 0 ? "there are none"
                                                       : "none of " + member_text(chain, "rules") + " decides";
  if (const json counting = member(answer, "counted_by"); !counting.empty()) {
    line += "; counted by " + joined(counting);
  }
  return line;
}

std::string passed_over(const json& answer) {
  std::string text;
  std::size_t shown = 0;
  const json passed = member(answer, "passed_over");
  for (const json& one : passed) {
    if (shown++ == kPassedShown) {
      text += "       and " + std::to_string(passed.size() - kPassedShown) + " more (--json has them)\n";
      break;
    }
    text += "       rule " + member_text(one, "id") + " does not match: " + member_text(one, "field") + " is " +
            member_text(one, "packet") + ", not " + member_text(one, "rule") + "\n";
  }
  return text;
}

std::string order_text(const json& chain, const json& answer) {
  const std::string by = member_text(answer, "decided_by");
  std::string text = "order of decision:\n  1 blocked      " + blocked_line(chain, answer) + "\n";
  if (by == "blocked") {
    return text;
  }
  text += "  2 established  " + established_line(chain, answer) + "\n";
  if (by == "established") {
    return text;
  }
  text += "  3 rules        " + rules_line(chain, answer) + "\n" + passed_over(answer);
  return by == "default" ? text + "  4 default      " + member_text(chain, "default") + "\n" : text;
}

std::string fields_text(const json& answer) {
  const json fields = member(answer, "fields");
  if (fields.empty()) {
    return {};
  }
  TextTable table({{"FIELD"}, {"PACKET"}, {"RULE"}});
  for (const json& field : fields) {
    table.add({member_text(field, "field"), member_text(field, "packet"), member_text(field, "rule")});
  }
  return table.text();
}

std::string session_text(const json& answer) {
  const std::string state = member_text(member(answer, "packet"), "conntrack");
  const std::string session = member_text(answer, "session");
  const std::string reason = answer.contains("conntrack_reason") ? member_text(answer, "conntrack_reason")
                             : session == "known"                ? "as its session's"
                             : session == "unknown"              ? "its session is not known"
                                                                 : session;
  return state + " (" + reason + ")";
}

}  // namespace

std::string rule_text(const json& rule) {
  nlohmann::ordered_json text;
  for (const char* name :
       {"id", "src", "dst", "l4proto", "sport", "dport", "tcpflags", "conntrack", "action", "description", "expires"}) {
    if (rule.contains(name)) {
      text[name] = rule.at(name);
    }
  }
  return text.dump();
}

std::string packet_text(const json& answer) {
  const json packet = member(answer, "packet");
  if (packet.is_null()) {
    return "no IP that a host would take (" + member_text(answer, "not_understood") + ")";
  }
  std::string text = member_text(packet, "l4proto") + " " + end_text(packet, "src", "sport") + " > " +
                     end_text(packet, "dst", "dport");
  for (const char* name : {"tcpflags", "conntrack"}) {
    if (packet.contains(name)) {
      text += " " + member_text(packet, name);
    }
  }
  return text;
}

std::string decision_text(const json& answer) {
  const std::string by = member_text(answer, "decided_by");
  return by == "rule" ? "rule " + member_text(member(answer, "rule"), "id") : by;
}

std::string explanation_text(const json& chain, const json& answer) {
  std::string text = "packet     " + packet_text(answer) + "\n";
  const std::string by = member_text(answer, "decided_by");
  if (by == "nothing") {
    return text + "verdict    " + member_text(answer, "verdict") + ": no rule is asked about it\n";
  }
  text += "verdict    " + member_text(answer, "verdict") + ", by ";
  text += by == "rule"          ? decision_text(answer) + " of " + member_text(chain, "chain")
          : by == "blocked"     ? "the set blocked"
          : by == "established" ? "accept-established"
                                : "the default of " + member_text(chain, "chain");
  text += "\n";
  if (answer.contains("rule")) {
    text += "rule       " + rule_text(member(answer, "rule")) + "\n";
  }
  text += "conntrack  " + session_text(answer) + "\n";
  text += "sets       src is in " + joined(member(answer, "src_sets")) + "; dst is in " +
          joined(member(answer, "dst_sets")) + "\n";
  text += fields_text(answer) + order_text(chain, answer);
  return text + "asked      program " + member_text(chain, "program") + " (" + member_text(chain, "asked") + ")\n";
}

}  // namespace nicsentry
