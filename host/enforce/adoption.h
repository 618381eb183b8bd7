// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "host/enforce/enforcing_attachment.h"
#include "host/enforce/firewall_state.h"
#include "host/enforce/set_store.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// How an attachment is found.
enum class AdoptionState : std::uint8_t {
  fresh,      // it enforces nothing: nobody sees the order in which rules and sets are written
  enforcing,  // it enforces rules and sets that are not those of the state directory: its sets are empty for a moment
  continued,  // it enforces the sets of the state directory: an address in a set before and after is always in it
};

// Decides how rules and sets come into force on an attachment. Programs that one run left behind have the same sets at
// the same places. The first of them decides the places; the others continue as it did. One thread at a time.
class Adoption {
 public:
  // `former`: how the run before had the sets; none: it is not known.
  Adoption(std::optional<FirewallState::Classes> former, std::function<void(const std::string&)> warning);

  struct Plan {
    AdoptionState state = AdoptionState::fresh;
    SetUpdate sets;
    // Steps of `sets` to perform before the rules come into force; the others follow.
    std::size_t steps_before_rules = 0;
    // The sets have other places since: all other attachments need a plan again, renewal().
    bool moves_sets = false;
  };
  Plan plan(const EnforcingAttachment& attachment, SetStore& sets);
  // For an attachment that enforces sets at places that are not theirs any more.
  static Plan renewal(const AddressSets& sets);

  // The sets have changed, or all attachments are found: what is found from now on is not continued as others were.
  void sets_changed();
  void close();

 private:
  // pending: no attachment has been continued. continuing: further ones that were left alike are. closed: none is.
  enum class Phase : std::uint8_t { pending, continuing, closed };

  std::optional<Plan> continuation(const EnforcingAttachment& attachment, SetStore& sets);

  std::optional<FirewallState::Classes> former_;
  std::function<void(const std::string&)> warning_;
  Phase phase_;
  AddressSets::InForce found_;  // on the first attachment that was continued, and the update of its sets
  SetUpdate update_;
};

}  // namespace nicsentry
