// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/adoption.h"

#include <utility>

#include "host/base/error.h"

namespace nicsentry {

Adoption::Adoption(std::optional<FirewallState::Classes> former, std::function<void(const std::string&)> warning)
    : former_(std::move(former)), warning_(std::move(warning)), phase_(former_ ? Phase::pending : Phase::closed) {}

Adoption::Plan Adoption::plan(const EnforcingAttachment& attachment, SetStore& sets) {
  if (!attachment.on()) {
    Plan plan;
    const auto maps = attachment.untouched() ? AddressSets::Maps::zero : AddressSets::Maps::unknown;
    plan.sets = sets.in_memory().whole(maps);
    plan.steps_before_rules = plan.sets.steps.size();
    return plan;
  }
  if (auto plan = continuation(attachment, sets)) {
    return std::move(*plan);
  }
  return renewal(sets.in_memory());
}

// The rules in force and the new ones number classes of addresses differently: no address is in a class while they
// change.
Adoption::Plan Adoption::renewal(const AddressSets& sets) {
  Plan plan;
  plan.state = AdoptionState::enforcing;
  plan.sets = sets.whole(AddressSets::Maps::unknown);
  plan.steps_before_rules = plan.sets.steps.size() - 1;
  return plan;
}

std::optional<Adoption::Plan> Adoption::continuation(const EnforcingAttachment& attachment, SetStore& sets) {
  if (phase_ == Phase::closed || attachment.set_keys() != former_->keys) {
    return std::nullopt;
  }
  Plan plan;
  plan.state = AdoptionState::continued;
  try {
    AddressSets::InForce found = attachment.sets_in_force();
    if (phase_ == Phase::pending) {
      update_ = sets.take_over(found, former_->names);
      found_ = std::move(found);
      phase_ = Phase::continuing;
      plan.moves_sets = true;
    } else if (!(found == found_)) {
      return std::nullopt;
    }
  } catch (const Error& error) {
    warning_(std::string("sets are empty for a moment while a program is adopted: ") + error.what());
    return std::nullopt;
  }
  // The new rules know the classes of addresses of both runs; the old rules do not know the new classes.
  plan.sets = update_;
  plan.steps_before_rules = 0;
  return plan;
}

void Adoption::sets_changed() {
  if (phase_ == Phase::continuing) {
    close();
  }
}

void Adoption::close() {
  phase_ = Phase::closed;
  found_ = {};
  update_ = {};
}

}  // namespace nicsentry
