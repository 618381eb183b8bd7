// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/run_firewall.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/compile/compile.h"
#include "host/rules/language/rate_text.h"

namespace nicsentry {
namespace {

using Places = std::vector<EnforcedPlace>;

Places places_of(const Enforced& enforced, std::optional<Chain> chain) {
  Places places = chain ? enforced.of(*chain) : enforced.ingress;
  if (!chain) {
    places.insert(places.end(), enforced.egress.begin(), enforced.egress.end());
  }
  return places;
}

}  // namespace

Enforced RunFirewall::enforced() const {
  Enforced enforced;
  for (const Enforcement::EnforcedAt& place : places()) {
    (place.chain == Chain::ingress ? enforced.ingress : enforced.egress)
        .push_back({place.attachment, place.failing.empty() ? std::nullopt : std::optional(place.failing)});
  }
  if (firewall != nullptr) {
    enforced.unsaved = firewall->unsaved();
  }
  return enforced;
}

Enforced RunFirewall::enforced_after_change(std::optional<Chain> chain) const {
  Enforced enforced = this->enforced();
  std::string failing;
  for (const EnforcedPlace& place : places_of(enforced, chain)) {
    if (!place.failing) {
      return enforced;
    }
    failing += (failing.empty() ? "" : "; ") + place.attachment + ": " + *place.failing;
  }
  throw Conflict("the change is kept, but takes effect nowhere: " +
                 (failing.empty()
                      ? std::string("no program of this run enforces ") +
                            (chain ? std::string("the ") + chain_name(*chain) + " chain any more" : "anything any more")
                      : failing + " (it is tried again)"));
}

void RunFirewall::require_enforced() const {
  if (places().empty()) {
    throw Conflict("no program of this run enforces anything any more; nothing was changed");
  }
}

std::optional<Unconfirmed> RunFirewall::unconfirmed() const {
  constexpr double kNsPerSecond = 1e9;
  const auto waiting = required().unconfirmed();
  if (!waiting) {
    return std::nullopt;
  }
  const double seconds = static_cast<double>(waiting->first - required().now()) / kNsPerSecond;
  return Unconfirmed{waiting->second, std::max(seconds, 0.0)};
}

std::vector<FirewallSummary::OfLimit> RunFirewall::limits() const {
  std::vector<FirewallSummary::OfLimit> limits;
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    if (!has_limits(*firewall->rules(chain))) {
      continue;
    }
    const auto view = firewall->view(chain);
    for (std::size_t id = 0; id < view.chain.rules.size(); ++id) {
      if (const auto& limit = view.chain.rules[id].limit) {
        limits.push_back({chain, id, rate_text(limit->rate) + " per " + per_text(limit->key), view.counts[id].packets});
      }
    }
  }
  return limits;
}

std::optional<FirewallSummary> RunFirewall::summary() const {
  if (firewall == nullptr) {
    return std::nullopt;
  }
  const auto of_chain = [this](Chain chain) {
    const auto rules = firewall->rules(chain);
    return FirewallSummary::OfChain{rules->rules.size(), rules->default_action};
  };
  FirewallSummary summary{of_chain(Chain::ingress), of_chain(Chain::egress), 0, limits(), unconfirmed()};
  for (const auto& set : firewall->sets()) {
    summary.blocked += set.name == kBlockedSet ? set.entries : 0;
  }
  return summary;
}

void RunFirewall::tell(SetChange change) const {
  if (set_changed && change.added + change.removed != 0) {
    change.entries.resize(std::min(change.entries.size(), Enforcement::kNamedMost));
    set_changed(change);
  }
}

Firewall& RunFirewall::required() const {
  if (firewall == nullptr) {
    throw Conflict("the run has no firewall (start it with: nicsentry run -i PORT --firewall)");
  }
  return *firewall;
}

}  // namespace nicsentry
