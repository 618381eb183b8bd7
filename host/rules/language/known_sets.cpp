// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/known_sets.h"

#include <algorithm>
#include <utility>

#include "host/base/closest_word.h"

namespace nicsentry {
namespace {

constexpr std::size_t kSetsListed = 10;

}  // namespace

KnownSets::KnownSets(std::vector<std::string> names) : names_(std::move(names)), known_(names_.begin(), names_.end()) {}

void KnownSets::check(const Rule& rule, RuleErrors& errors) const {
  check("src", rule.match.source, errors);
  check("dst", rule.match.destination, errors);
}

void KnownSets::check(const char* field, const AddressMatch& match, RuleErrors& errors) const {
  for (const auto* sets : {&match.sets, &match.except_sets}) {
    for (const std::string& name : *sets) {
      if (known_.contains(name)) continue;
      errors.push_back(field + std::string(": read \"@") + name + "\", allowed is a set that exists" + listed() +
                       meant(name));
    }
  }
}

std::string KnownSets::meant(const std::string& name) const {
  const auto closest = closest_word(name, names_);
  return closest ? "; did you mean \"@" + *closest + "\"?" : "";
}

std::string KnownSets::listed() const {
  if (names_.empty()) return " (there is none)";
  std::string list;
  for (std::size_t i = 0; i < std::min(names_.size(), kSetsListed); ++i) {
    list += (i == 0 ? "\"@" : ", \"@") + names_[i] + "\"";
  }
  if (names_.size() > kSetsListed) list += " and " + std::to_string(names_.size() - kSetsListed) + " more";
  return " (" + list + ")";
}

}  // namespace nicsentry
