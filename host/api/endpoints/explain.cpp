// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/explain.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/datapath/object_file.h"
#include "host/datapath/program.h"
#include "host/enforce/explainer.h"
#include "host/report/window_report.h"
#include "host/rules/language/field_text.h"

namespace nicsentry {
namespace {

// A command that was interrupted does not send the request that it announced: its copy of the program goes then.
constexpr std::chrono::milliseconds kNextRequest{30'000};

Decision decision_of(DecidedBy by) {
  switch (by) {
    case DecidedBy::nothing:
      return Decision::nothing;
    case DecidedBy::unjudged:
      return Decision::unjudged;
    case DecidedBy::non_ip:
      return Decision::non_ip;
    case DecidedBy::blocked:
      return Decision::blocked;
    case DecidedBy::established:
      return Decision::established;
    case DecidedBy::rule:
      return Decision::rule;
    case DecidedBy::by_default:
      return Decision::by_default;
  }
  return Decision::nothing;
}

std::vector<Question> questions_of(const ExplainRequest& request) {
  std::vector<Question> questions;
  questions.reserve(request.packets.size());
  for (const ExplainRequest::Packet& packet : request.packets) {
    Question question{packet.frame, request.conntrack, packet.time_ns};
    question.frame.resize(std::clamp(packet.length.value_or(packet.frame.size()), packet.frame.size(),
                                     std::max(packet.frame.size(), kExplainFrameMax)));
    questions.push_back(std::move(question));
  }
  return questions;
}

PacketFields fields_of(const JudgedPacket& packet) {
  PacketFields fields;
  fields.source = packet.source.text();
  fields.destination = packet.destination.text();
  fields.protocol = packet.protocol;
  if (packet.has_ports()) {
    fields.source_port = packet.source_port;
    fields.destination_port = packet.destination_port;
  }
  if (packet.header && packet.protocol == static_cast<std::uint8_t>(Protocol::tcp)) {
    fields.tcp_flags = packet.tcp_flags == 0 ? "NONE" : tcp_flags_text({packet.tcp_flags, packet.tcp_flags});
  }
  for (const NumberField field : kNumberFields) {
    fields.numbers.at(static_cast<std::size_t>(field)) = packet.number(field);
  }
  fields.state = packet.state;
  return fields;
}

FieldComparison comparison_of(const FieldCheck& check) { return {check.field, check.asked, check.seen, check.matches}; }

PacketExplanation::Reasons reasons_of(const Explanation& explanation) {
  PacketExplanation::Reasons reasons;
  for (const FieldCheck& check : explanation.checks) {
    reasons.fields.push_back(comparison_of(check));
  }
  reasons.passed_over.reserve(explanation.before.size());
  for (const Explanation::Passed& passed : explanation.before) {
    reasons.passed_over.push_back({passed.rule, comparison_of(passed.mismatch)});
  }
  reasons.source_sets = explanation.source_sets;
  reasons.destination_sets = explanation.destination_sets;
  return reasons;
}

PacketExplanation answer_of(const Explanation& explanation, const ExplainRequest& request, TimestampNs now) {
  PacketExplanation answer;
  answer.dropped = explanation.dropped;
  answer.by = decision_of(explanation.by);
  if (explanation.rule) {
    answer.rule = numbered_rule(explanation.deciding, *explanation.rule, now);
  }
  if (explanation.packet) {
    answer.packet = fields_of(*explanation.packet);
    answer.session = !explanation.session_known ? "unknown" : request.conntrack ? "as asked" : "known";
  }
  answer.conntrack_reason = explanation.state_reason;
  if (explanation.cause) {
    answer.not_understood = cause_name(static_cast<int>(*explanation.cause));
  }
  answer.counted_by = explanation.counting;
  answer.limited_by = explanation.limiting;
  if (request.why) {
    answer.reasons = reasons_of(explanation);
  }
  return answer;
}

void add_each(ExplainAnswer& answer, const std::vector<Explanation>& explanations, const ExplainRequest& request,
              TimestampNs now) {
  answer.answers.reserve(explanations.size());
  for (const Explanation& explanation : explanations) {
    answer.answers.push_back(answer_of(explanation, request, now));
  }
}

// A rule that was changed meanwhile has another counter.
void add_summary(ExplainAnswer& answer, const std::vector<Explanation>& explanations, TimestampNs now) {
  using Place = std::tuple<bool, DecidedBy, std::optional<std::size_t>, std::uint32_t, std::vector<std::size_t>>;
  std::map<Place, std::size_t> places;
  for (const Explanation& explanation : explanations) {
    const auto [place, is_new] = places.try_emplace(
        {explanation.dropped, explanation.by, explanation.rule, explanation.deciding.counter, explanation.limiting},
        answer.answers.size());
    if (is_new) {
      PacketExplanation& one = answer.answers.emplace_back();
      one.packets = 0;
      one.dropped = explanation.dropped;
      one.by = decision_of(explanation.by);
      if (explanation.rule) {
        one.rule = numbered_rule(explanation.deciding, *explanation.rule, now);
      }
      one.limited_by = explanation.limiting;
    }
    ++answer.answers[place->second].packets;
  }
}

// A program that was attached by hand to XDP may be the one for the card.
std::unique_ptr<Explainer> make_explainer(const Firewall& firewall, const EnforcingProgram& program) {
  const ProgramInfo info = describe_program(program.id);
  if (!info.identity.ours()) {
    throw Error(program.name + ": program '" + info.name + "' (id " + std::to_string(program.id) +
                ") is not nicsentry's");
  }
  const ProgramSpec& spec = *info.identity.spec;
  const std::string interface = program.name.substr(0, program.name.find('/'));
  if (program.mode == Mode::tc) {
    const auto object = find_object(spec.base, spec.features.raw_ip ? Target::raw_ip : Target::tc);
    return std::make_unique<Explainer>(firewall, program.id, object, program.hook, interface);
  }
  try {
    return std::make_unique<Explainer>(firewall, program.id, find_object(spec.base, Target::card), program.hook,
                                       interface);
  } catch (const Error&) {
    return std::make_unique<Explainer>(firewall, program.id, find_object(spec.base, Target::xdp), program.hook,
                                       interface);
  }
}

}  // namespace

// Without a place for a new capture the one that was asked about least recently goes.
LimitModel PacketExplainer::take_limits(const ExplainRequest& request) {
  const auto known = std::find_if(captures_.begin(), captures_.end(),
                                  [&request](const KeptLimits& kept) { return kept.capture == request.capture; });
  LimitModel limits;
  if (request.capture && known != captures_.end()) {
    limits = std::move(known->limits);
    captures_.erase(known);
  }
  return limits;
}

void PacketExplainer::keep_limits(const ExplainRequest& request, LimitModel limits) {
  constexpr std::size_t kCapturesMost = 8;
  if (!request.capture || !request.more) {
    return;
  }
  if (captures_.size() == kCapturesMost) {
    captures_.erase(captures_.begin());
  }
  captures_.push_back({*request.capture, std::move(limits)});
}

struct PacketExplainer::Kept {
  std::uint32_t program = 0;
  std::unique_ptr<Explainer> explainer;
};

PacketExplainer::PacketExplainer() = default;
PacketExplainer::PacketExplainer(const Firewall& firewall, const Program& on_no_port, Hook hook) : keeps_(true) {
  kept_.keep(std::make_unique<Kept>(Kept{on_no_port.id(), std::make_unique<Explainer>(firewall, on_no_port, hook)}),
             std::nullopt);
}
PacketExplainer::~PacketExplainer() = default;

ExplainAnswer PacketExplainer::explain(const Firewall& firewall, const EnforcingProgram& program,
                                       const ExplainRequest& request) {
  if (program.mode == Mode::hw) {
    throw Conflict(program.name +
                   ": a program on a card cannot be asked, since the kernel makes test runs of its own programs only; "
                   "`rules explain --rules FILE` asks the program of the host over the same rules");
  }
  const std::vector<Question> questions = questions_of(request);
  const std::lock_guard lock(mutex_);
  LimitModel limits = take_limits(request);
  auto kept = kept_.take();
  if (kept != nullptr && kept->program != program.id) {
    kept.reset();
  }
  if (kept == nullptr && !questions.empty()) {
    kept = std::make_unique<Kept>(Kept{program.id, make_explainer(firewall, program)});
  }
  ExplainAnswer answer;
  answer.chain = chain_of(program.hook);
  answer.asked = program.name;
  answer.program = program.id;
  if (!questions.empty()) {
    const std::vector<Explanation> explanations = kept->explainer->explain(questions, request.why, limits);
    keep_limits(request, std::move(limits));
    request.summary ? add_summary(answer, explanations, firewall.now())
                    : add_each(answer, explanations, request, firewall.now());
  }
  const auto chain = firewall.rules(answer.chain);
  answer.default_action = chain->default_action;
  answer.accept_established = chain->accept_established;
  answer.rules = chain->rules.size();
  if (request.more || keeps_) {
    kept_.keep(std::move(kept), keeps_ ? std::nullopt : std::optional(kNextRequest));
  }
  return answer;
}

void add_explain_routes(Router& router, const RunFirewall& run) {
  const auto explainer = std::make_shared<PacketExplainer>();
  router.add(
      "POST", resource::kExplain, Lane::slow,
      [run, explainer](const Request& request) {
        const Chain chain = parse_chain_name(request.captures.at("chain"));
        const Firewall& firewall = run.required();
        const auto asked = decode<ExplainRequest>(request.body);
        return encode(explainer->explain(firewall, run.enforcing(chain), asked));
      },
      Access::read);
}

}  // namespace nicsentry
