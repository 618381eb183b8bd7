// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/lint_report.h"

#include <algorithm>

#include "host/programs/lint/lint_text.h"

namespace nicsentry {
namespace {

const char* lint_verdict_name(lint::Verdict verdict) {
  switch (verdict) {
    case lint::Verdict::taken:
      return "taken";
    case lint::Verdict::refused:
      return "refused";
    default:
      return "unknown";
  }
}

const char* lint_state_of(const lint::LintReport& report, lint::Rule rule) {
  const bool broken = std::any_of(report.findings.begin(), report.findings.end(),
                                  [rule](const auto& found) { return found.finding.rule == rule; });
  if (broken) {
    return "broken";
  }
  const bool unchecked = std::find(report.unchecked.begin(), report.unchecked.end(), rule) != report.unchecked.end();
  return unchecked ? "not checked" : "holds";
}

std::string lint_rules_text(const lint::LintReport& report) {
  std::string lines = "rules:\n";
  for (const auto& info : lint::all_rules()) {
    const std::string state = lint_state_of(report, info.rule);
    lines += "  " + state + std::string(13 - state.size(), ' ') + info.title + "\n";
  }
  return lines;
}

std::string lint_kernel_text(const lint::LintReport& report) {
  if (!report.kernel.asked) {
    return "kernel: its verifier was not asked: " + report.kernel.message + "\n";
  }
  return report.kernel.taken ? "kernel: its verifier takes the program\n" : "kernel: " + report.kernel.message + "\n";
}

std::string lint_verdict_text(const lint::LintReport& report) {
  switch (report.verdict) {
    case lint::Verdict::taken:
      return "the card takes it";
    case lint::Verdict::refused:
      return "the card refuses it";
    default:
      return "cannot tell: " + report.give_up;
  }
}

}  // namespace

std::string lint_text(const lint::LintReport& report, const std::string& object) {
  std::string text;
  for (const auto& found : report.findings) {
    text += lint::finding_text(found, report, object);
  }
  text += lint_rules_text(report) + lint::length_text(report);
  if (report.stack_bytes) {
    text += "stack: " + std::to_string(*report.stack_bytes) + " bytes, at most " + std::to_string(report.stack_limit) +
            "\n";
  }
  return text + lint_kernel_text(report) + object + ": program " + report.program + ", firmware " + report.firmware +
         ": " + lint_verdict_text(report) + "\n";
}

nlohmann::ordered_json lint_json(const lint::LintReport& report, const std::string& object) {
  using nlohmann::ordered_json;
  ordered_json rules = ordered_json::array();
  for (const auto& info : lint::all_rules()) {
    rules.push_back({{"rule", info.name}, {"state", lint_state_of(report, info.rule)}});
  }
  ordered_json findings = ordered_json::array();
  for (const auto& found : report.findings) {
    ordered_json one{{"rule", info_of(found.finding.rule).name}};
    one["instruction"] = found.finding.instruction ? ordered_json(*found.finding.instruction) : ordered_json();
    one["file"] = found.source ? ordered_json(found.source->file) : ordered_json();
    one["line"] = found.source ? ordered_json(found.source->line) : ordered_json();
    one["text"] = found.source ? ordered_json(found.source->text) : ordered_json();
    one["driver"] = found.finding.driver_says;
    one["write"] = found.finding.way_out;
    findings.push_back(std::move(one));
  }
  const auto number = [](const auto& value) { return value ? ordered_json(*value) : ordered_json(); };
  return {
      {"object", object},
      {"section", report.section},
      {"program", report.program},
      {"firmware", report.firmware},
      {"verdict", lint_verdict_name(report.verdict)},
      {"reason", report.give_up},
      {"findings", findings},
      {"rules", rules},
      {"bpf_instructions", report.bpf_instructions},
      {"nfp_instructions", number(report.nfp_instructions)},
      {"nfp_instructions_error", lint::kPredictionError},
      {"nfp_instructions_max", report.nfp_limit},
      {"stack_bytes", number(report.stack_bytes)},
      {"stack_bytes_max", report.stack_limit},
      {"packet_bytes", report.packet_bytes},
      {"kernel", {{"asked", report.kernel.asked}, {"taken", report.kernel.taken}, {"message", report.kernel.message}}}};
}

}  // namespace nicsentry
