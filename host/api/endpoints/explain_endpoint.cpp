// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/explain_endpoint.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/datapath/object_file.h"
#include "host/datapath/program.h"
#include "host/enforce/explainer.h"
#include "host/report/window_report.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kLongestFrame = 65536;

const char* decided_by_name(DecidedBy by) {
  switch (by) {
    case DecidedBy::nothing:
      return "nothing";
    case DecidedBy::blocked:
      return "blocked";
    case DecidedBy::established:
      return "established";
    case DecidedBy::rule:
      return "rule";
    case DecidedBy::by_default:
      return "default";
  }
  return "";
}

std::vector<Question> questions_of(const json& request) {
  std::vector<Question> questions;
  std::optional<ConnectionState> state;
  if (request.contains("conntrack")) {
    state = parse_state(request.at("conntrack").get<std::string>());
    if (!state) {
      throw Error("conntrack: read " + request.at("conntrack").dump() +
                  ", allowed is NEW, ESTABLISHED, RELATED or INVALID");
    }
  }
  for (const json& packet : request.at("packets")) {
    Question question{packet.at("frame").get<std::vector<std::uint8_t>>(), state};
    const auto length = packet.value("length", question.frame.size());
    question.frame.resize(std::clamp(length, question.frame.size(), std::max(question.frame.size(), kLongestFrame)));
    questions.push_back(std::move(question));
  }
  return questions;
}

ordered_json packet_json(const JudgedPacket& packet) {
  const char* protocol = protocol_keyword(packet.protocol);
  ordered_json made = {{"src", packet.source.text()}, {"dst", packet.destination.text()}};
  made["l4proto"] = protocol != nullptr ? ordered_json(protocol) : ordered_json(packet.protocol);
  if (packet.has_ports()) {
    made["sport"] = packet.source_port;
    made["dport"] = packet.destination_port;
  }
  if (packet.header && packet.protocol == static_cast<std::uint8_t>(Protocol::tcp)) {
    made["tcpflags"] = packet.tcp_flags == 0 ? "NONE" : tcp_flags_text({packet.tcp_flags, packet.tcp_flags});
  } else if (packet.header && !packet.has_ports()) {
    made["icmptype"] = packet.icmp_type;
  }
  made["conntrack"] = state_name(packet.state);
  return made;
}

ordered_json check_json(const FieldCheck& check) {
  return {{"field", check.field}, {"rule", check.asked}, {"packet", check.seen}, {"matches", check.matches}};
}

ordered_json answer_json(const Explanation& explanation, bool state_given, bool why) {
  ordered_json answer = {{"verdict", explanation.dropped ? "drop" : "accept"},
                         {"decided_by", decided_by_name(explanation.by)}};
  if (explanation.rule) {
    answer["rule"] = rule_json(explanation.deciding, *explanation.rule, wall_clock_ns());
  }
  if (explanation.packet) {
    answer["packet"] = packet_json(*explanation.packet);
    answer["session"] = !explanation.session_known ? "unknown" : state_given ? "as asked" : "known";
  }
  if (explanation.state_reason) {
    answer["conntrack_reason"] = *explanation.state_reason;
  }
  if (explanation.cause) {
    answer["not_understood"] = cause_name(static_cast<int>(*explanation.cause));
  }
  answer["counted_by"] = explanation.counting;
  if (why) {
    answer["fields"] = ordered_json::array();
    for (const FieldCheck& check : explanation.checks) {
      answer["fields"].push_back(check_json(check));
    }
    answer["passed_over"] = ordered_json::array();
    for (const Explanation::Passed& passed : explanation.before) {
      ordered_json one = {{"id", passed.rule}};
      one.update(check_json(passed.mismatch));
      answer["passed_over"].push_back(std::move(one));
    }
    answer["src_sets"] = explanation.source_sets;
    answer["dst_sets"] = explanation.destination_sets;
  }
  return answer;
}

Chain chain_asked(const json& request) {
  return request.value("chain", "ingress") == std::string(chain_name(Chain::egress)) ? Chain::egress : Chain::ingress;
}

// A program that was attached by hand to XDP may be the one for the card.
std::unique_ptr<Explainer> make_explainer(const Firewall& firewall, const EnforcingProgram& program) {
  const std::string name = describe_program(program.id).name;
  if (program.mode == Mode::tc) {
    return std::make_unique<Explainer>(firewall, program.id, find_object(name, Target::tc), program.hook);
  }
  try {
    return std::make_unique<Explainer>(firewall, program.id, find_object(name, Target::card), program.hook);
  } catch (const Error&) {
    return std::make_unique<Explainer>(firewall, program.id, find_object(name, Target::xdp), program.hook);
  }
}

}  // namespace

ordered_json explain_packets(const Firewall& firewall, const EnforcingProgram& program, const json& request) {
  if (program.mode == Mode::hw) {
    throw Error(program.name +
                ": a card's program cannot be asked: the kernel has no test run of programs that are not its own; "
                "`rules explain --rules FILE` asks the host's program over the same rules");
  }
  const bool why = request.value("why", false);
  const std::vector<Question> questions = questions_of(request);
  const auto made = make_explainer(firewall, program);
  Explainer& explainer = *made;
  ordered_json answers = ordered_json::array();
  for (const Explanation& explanation : explainer.explain(questions, why)) {
    answers.push_back(answer_json(explanation, request.contains("conntrack"), why));
  }
  ordered_json answer = {{"chain", chain_name(explainer.chain())}, {"asked", program.name}, {"program", program.id}};
  const auto chain = firewall.rules(explainer.chain());
  answer["default"] = chain->default_action == RuleAction::drop ? "drop" : "accept";
  answer["accept_established"] = chain->accept_established;
  answer["rules"] = chain->rules.size();
  answer["answers"] = std::move(answers);
  return answer;
}

void add_explain_endpoint(CommandServer& server, const Firewall& firewall,
                          std::function<EnforcingProgram(Chain)> find) {
  server.on("/firewall/explain", [&firewall, find = std::move(find)](const json& request) {
    return explain_packets(firewall, find(chain_asked(request)), request);
  });
}

}  // namespace nicsentry
