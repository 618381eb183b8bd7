// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/verify/card_lint.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "host/base/error.h"
#include "host/base/memory_file.h"
#include "host/datapath/object_file.h"
#include "host/programs/lint/firmware.h"
#include "host/programs/lint/lint.h"
#include "host/programs/lint/lint_text.h"
#include "host/programs/verify/source_line.h"

namespace nicsentry::programs {
namespace {

lint::LintReport report_on(const std::filesystem::path& object, const std::string& section, const std::string& firmware,
                           const CardTarget& card) {
  return lint::lint({object, section, firmware, card.port.mtu, false});
}

// The room that nicsentry's program leaves to the user's function.
std::string room_beside(const std::string& firmware, const UserObject& object, const CardTarget& card) {
  if (card.with.empty()) {
    return {};
  }
  const lint::LintReport alone = report_on(find_object(card.with, Target::card), object.section(), firmware, card);
  return alone.nfp_instructions
             ? "  '" + card.with + "' alone has " + std::to_string(*alone.nfp_instructions) + " of them\n"
             : "";
}

std::string figures_of(const lint::LintReport& report, const std::string& firmware, const UserObject& object,
                       const CardTarget& card) {
  const std::string length = lint::length_text(report);
  return length.empty() ? length : "  " + length + room_beside(firmware, object, card);
}

}  // namespace

std::string ask_lint(const UserObject& object, const SourceText& source, const CardTarget& card) {
  const auto firmware = lint::firmware_of(card.port.firmware);
  if (!firmware) {
    return "\n  programs lint was not asked: it does not know the firmware '" + card.port.firmware + "'";
  }
  const MemoryFile file(object.bytes());
  lint::LintReport report = report_on(file.path(), object.section(), *firmware, card);
  std::string figures = figures_of(report, *firmware, object, card);
  if (!figures.empty()) {
    figures = "\n" + figures.substr(0, figures.size() - 1);
  }
  if (report.verdict != lint::Verdict::refused) {
    return figures;
  }
  std::string findings;
  for (lint::FindingWithSource& found : report.findings) {
    if (found.source) {
      found.source = told_line(*found.source, source);
    }
    findings += "\n" + lint::finding_text(found, report, source.name);
    findings.pop_back();
  }
  throw Error(source.name + ": the card of " + card.port.name + " does not take it (firmware " + report.firmware +
              "):" + findings + figures);
}

}  // namespace nicsentry::programs
