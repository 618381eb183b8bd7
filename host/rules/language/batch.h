// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

constexpr std::size_t kRulesMax = 5000;  // of a chain

// What is wrong with a batch; `what()` has a line for each error of each rule, rules counted from 1:
// "rule 3 (insert): sport: read 70000, allowed is ...".
class BatchError : public Error {
 public:
  explicit BatchError(std::vector<std::string> errors);
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  std::vector<std::string> errors_;
};

// Performs a batch, {"rules": [{"operation": "insert" | "append" | "update" | "delete", "id": N, ...}, ...]}, in order
// on a copy of the chain. Throws BatchError with everything that is wrong; the chain is as it was. Rules keep their
// counters; an updated one keeps them, too; new ones have none. `set_names`: the sets that rules may name.
ChainRules apply_batch(const ChainRules& chain, const nlohmann::json& batch, const std::vector<std::string>& set_names,
                       TimestampNs now_ns);

}  // namespace nicsentry
