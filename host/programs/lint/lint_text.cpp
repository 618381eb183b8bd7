// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/lint_text.h"

namespace nicsentry::lint {
namespace {

std::string place_of(const FindingWithSource& found, const LintReport& report, const std::string& object) {
  if (!found.finding.instruction) {
    return object;
  }
  const std::string instruction = "instruction " + std::to_string(*found.finding.instruction);
  if (!found.source) {
    return report.program + "(), " + instruction;
  }
  return found.source->file + ":" + std::to_string(found.source->line) + " (" + instruction + ")";
}

}  // namespace

std::string finding_text(const FindingWithSource& found, const LintReport& report, const std::string& object) {
  std::string text = place_of(found, report, object) + ": " + info_of(found.finding.rule).title + "\n";
  if (found.source && !found.source->text.empty()) {
    text += "    " + found.source->text + "\n";
  }
  return text + "  driver: " + found.finding.driver_says + "\n  write:  " + found.finding.way_out + "\n";
}

std::string length_text(const LintReport& report) {
  if (!report.nfp_instructions) {
    return {};
  }
  return "length: " + std::to_string(*report.nfp_instructions) + " NFP instructions predicted (+-" +
         std::to_string(kPredictionError) + "), at most " + std::to_string(report.nfp_limit) + "; " +
         std::to_string(report.bpf_instructions) + " BPF instructions\n";
}

}  // namespace nicsentry::lint
