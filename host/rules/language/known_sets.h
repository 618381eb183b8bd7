// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "host/rules/language/rule.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {

// The sets that rules may name.
class KnownSets {
 public:
  explicit KnownSets(std::vector<std::string> names);

  // Appends an error for each set that the rule names and that is not known: "src: read \"@x\", allowed is ...".
  void check(const Rule& rule, RuleErrors& errors) const;

 private:
  void check(const char* field, const AddressMatch& match, RuleErrors& errors) const;
  std::string listed() const;
  std::string meant(const std::string& name) const;

  std::vector<std::string> names_;
  std::unordered_set<std::string> known_;
};

}  // namespace nicsentry
