// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/rules/import/import.h"

namespace nicsentry::testing {

// The result of import_rules(), without regard to the order of fields.
struct Imported {
  nlohmann::json ruleset;
  std::vector<std::string> left_out;
};

inline Imported import_texts(const std::vector<std::string>& texts) {
  const ImportedRules read = import_rules(texts);
  return {nlohmann::json(read.ruleset), read.left_out};
}

}  // namespace nicsentry::testing
