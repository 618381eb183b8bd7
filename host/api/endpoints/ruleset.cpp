// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/ruleset.h"

#include <algorithm>
#include <optional>

#include "host/api/endpoints/change_terms.h"
#include "host/api/endpoints/entity_tags.h"
#include "host/api/json/resources.h"
#include "host/api/json/rules_json.h"
#include "host/rules/language/ruleset.h"

namespace nicsentry {
namespace {

Ruleset asked(const Firewall& firewall, const Request& request) {
  return parse_ruleset(request.body, Chain::ingress, firewall.now());
}

// A chain that changes and restricts something must be enforced. Throws Conflict.
void require_enforced(const RunFirewall& run, const Firewall& firewall, const Ruleset& ruleset) {
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    const auto& wanted = ruleset.of(chain);
    if (!wanted || (wanted->rules.empty() && wanted->default_action != RuleAction::drop)) {
      continue;
    }
    Ruleset alone;
    alone.of(chain) = wanted;
    alone.sets = ruleset.sets;  // which the rules may name
    const auto differences = firewall.compare(alone);
    const bool changes = std::any_of(differences.begin(), differences.end(),
                                     [](const auto& difference) { return difference.contains("chain"); });
    if (changes) {
      run.enforcing(chain);
    }
  }
}

std::optional<LoadAnswer::OfChain> loaded_chain(const Firewall::Loaded& loaded, Chain chain) {
  const auto& found = loaded.chains.at(static_cast<std::size_t>(chain));
  return found ? std::optional(LoadAnswer::OfChain{found->rules, found->kept, found->removed, found->changed})
               : std::nullopt;
}

// The chain, if only one changed.
std::optional<Chain> only_changed(const LoadAnswer& answer) {
  const bool ingress = answer.ingress && answer.ingress->changed;
  const bool egress = answer.egress && answer.egress->changed;
  if (ingress == egress) {
    return std::nullopt;
  }
  return ingress ? Chain::ingress : Chain::egress;
}

void tell_of_load(const RunFirewall& run, const LoadAnswer& answer, const Request& request) {
  RunFirewall::RulesChange change{"ruleset", only_changed(answer), asked_by(request)};
  for (const auto& set : answer.sets) {
    if (set.changed) {
      change.sets.push_back(set.name);
    }
  }
  const bool chains = (answer.ingress && answer.ingress->changed) || (answer.egress && answer.egress->changed);
  if (chains || !change.sets.empty()) {
    run.tell_rules(change);
  }
}

}  // namespace

void add_ruleset_routes(Router& router, const RunFirewall& run) {
  router.add_raw("GET", resource::kRuleset, Lane::quick, [run](const Request&) {
    const Firewall& firewall = run.required();
    const std::string tag = ruleset_tag(firewall);
    return tagged(encode(RulesetAnswer{firewall.ruleset()}), tag);
  });
  router.add(
      "POST", resource::kRulesetDiff, Lane::quick,
      [run](const Request& request) {
        const Firewall& firewall = run.required();
        return encode(DiffAnswer{firewall.compare(asked(firewall, request))});
      },
      Access::read);
  router.add("PUT", resource::kRuleset, Lane::quick, [run](const Request& request) {
    Firewall& firewall = run.required();
    const Ruleset ruleset = asked(firewall, request);
    ChangeTerms terms = terms_of(request);
    require_tag(terms, request, [&firewall] { return ruleset_tag(firewall); });
    require_enforced(run, firewall, ruleset);
    run.require_enforced();
    const Firewall::Loaded loaded = firewall.load(ruleset, terms);
    LoadAnswer answer{loaded_chain(loaded, Chain::ingress), loaded_chain(loaded, Chain::egress), {}, {}};
    for (const auto& set : loaded.sets) {
      answer.sets.push_back({set.name, set.entries, set.changed});
    }
    tell_of_load(run, answer, request);
    answer.enforced = run.enforced_after_change(only_changed(answer));
    return encode(answer);
  });
}

}  // namespace nicsentry
