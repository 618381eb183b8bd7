// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/decision_index.h"

#include <algorithm>
#include <utility>

namespace nicsentry {
namespace {

constexpr std::uint32_t kNoRule = ~std::uint32_t{0};

}  // namespace

void DecisionIndex::set(const FirewallMaps* attachment, Banks banks) {
  const std::lock_guard lock(mutex_);
  std::swap(banks_[attachment], banks);  // the former tables are freed without the lock
}

void DecisionIndex::keep(const std::vector<const FirewallMaps*>& attachments) {
  const std::lock_guard lock(mutex_);
  std::erase_if(banks_, [&attachments](const auto& known) {
    return std::find(attachments.begin(), attachments.end(), known.first) == attachments.end();
  });
}

std::optional<DecidingRule> DecisionIndex::find(const FirewallMaps* attachment, std::uint32_t action) const {
  std::shared_ptr<const InstalledChain> tables;
  {
    const std::lock_guard lock(mutex_);
    const auto known = banks_.find(attachment);
    if (known == banks_.end()) {
      return std::nullopt;
    }
    tables = known->second.at(action / ACTION_ROWS % 2);
  }
  const std::uint32_t number = tables != nullptr ? tables->compiled.rule_of(action) : kNoRule;
  if (number == kNoRule) {
    return std::nullopt;
  }
  return DecidingRule{number, tables->chain.rules.at(number)};
}

}  // namespace nicsentry
