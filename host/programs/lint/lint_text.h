// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/programs/lint/lint.h"

namespace nicsentry::lint {

// A finding with its place, the driver's words and what to write instead, on lines of their own. `object` names what
// has no source line.
std::string finding_text(const FindingWithSource& found, const LintReport& report, const std::string& object);

// "length: 50 NFP instructions predicted (+-4), at most 2560; 12 BPF instructions" and a line break; empty where the
// program is refused before.
std::string length_text(const LintReport& report);

}  // namespace nicsentry::lint
