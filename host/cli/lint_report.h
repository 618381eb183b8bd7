// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "host/programs/lint/lint.h"

namespace nicsentry {

// A report of `programs lint` for people: the findings with their source lines, the rules, the length.
std::string lint_text(const lint::LintReport& report, const std::string& object);

// The same as JSON (docs/formats.md).
nlohmann::ordered_json lint_json(const lint::LintReport& report, const std::string& object);

}  // namespace nicsentry
