// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/decision_index.h"

#include <utility>

namespace nicsentry {
namespace {

constexpr std::uint32_t kNoRule = ~std::uint32_t{0};

}  // namespace

void DecisionIndex::set(const std::shared_ptr<FirewallMaps>& attachment, Banks banks) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const auto& known) { return known.second.attachment.expired(); });
  Known& known = known_[attachment.get()];
  known.attachment = attachment;
  std::swap(known.banks, banks);  // the former tables are freed without the lock
}

std::optional<DecidingRule> DecisionIndex::find(const FirewallMaps* attachment, std::uint32_t action) const {
  std::shared_ptr<const InstalledChain> tables;
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(attachment);
    if (known == known_.end()) {
      return std::nullopt;
    }
    tables = known->second.banks.at(action / ACTION_ROWS % 2);
  }
  const std::uint32_t number = tables != nullptr ? tables->compiled.rule_of(action) : kNoRule;
  if (number == kNoRule) {
    return std::nullopt;
  }
  const Rule& rule = tables->chain.rules.at(number);
  return DecidingRule{number, std::shared_ptr<const Rule>(std::move(tables), &rule)};
}

}  // namespace nicsentry
