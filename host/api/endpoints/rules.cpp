// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/rules.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "host/api/endpoints/change_terms.h"
#include "host/api/endpoints/entity_tags.h"
#include "host/api/json/limited_json.h"
#include "host/api/json/resources.h"
#include "host/api/json/rules_json.h"
#include "host/report/window_report.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kUnjudgedCauses[] = {CAUSE_VLAN_DEPTH, CAUSE_TRUNCATED, CAUSE_MALFORMED, CAUSE_EXTENSIONS};

Counts counts_of(const rule_counter& counter) { return {counter.packets, counter.bytes}; }

ChainAnswer chain_answer(const Firewall& firewall, Chain chain) {
  const auto view = firewall.view(chain);
  const TimestampNs now = firewall.now();
  ChainAnswer answer;
  answer.text = chain_text(chain == Chain::ingress ? "Ingress" : "Egress", view.chain, now);
  answer.rules.reserve(view.chain.rules.size());
  for (std::size_t i = 0; i < view.chain.rules.size(); ++i) {
    const Rule& rule = view.chain.rules[i];
    answer.rules.push_back({numbered_rule(rule, i, now), counts_of(view.counts[i]), rule.expires_ns});
  }
  answer.default_action = view.chain.default_action;
  answer.by_default = counts_of(view.by_default);
  answer.accept_established = view.chain.accept_established;
  answer.established = counts_of(view.established);
  answer.blocked = counts_of(view.blocked);
  answer.dropped = counts_of(view.dropped);
  answer.drop_unjudged = view.chain.drop_unjudged;
  for (const std::uint32_t cause : kUnjudgedCauses) {
    answer.unjudged[cause_name(static_cast<int>(cause))] = counts_of(view.unjudged.at(cause));
  }
  answer.non_ip = view.chain.non_ip;
  answer.dropped_non_ip = counts_of(view.non_ip);
  answer.tables = {view.chain.rules.size(), view.chunks, view.rows,     view.nodes,
                   view.room.nodes,         view.bits,   view.room.bits};
  return answer;
}

BatchAnswer batch_answer(const Firewall::Applied& applied, TimestampNs now_ns, Enforced enforced) {
  BatchAnswer answer;
  answer.rules = applied.rules;
  for (const BatchChange& change : applied.changes) {
    BatchAnswer::Change made{operation_name(change.kind), std::nullopt, change.to, std::nullopt};
    if (change.rule) {
      made.rule = numbered_rule(*change.rule, change.id, now_ns);
    } else {
      made.removed = change.removed;
    }
    answer.changes.push_back(std::move(made));
  }
  answer.twice = applied.twice.size();
  answer.twice_ids.assign(applied.twice.begin(), applied.twice.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                             applied.twice.size(), kTwiceReported)));
  answer.enforced = std::move(enforced);
  return answer;
}

constexpr double kLimitedNsPerSecond = 1e9;

std::vector<LimitedAnswer::OfRule> limits_of(const Firewall& firewall, Chain chain, std::size_t top) {
  const auto view = firewall.view(chain);
  std::vector<LimitedAnswer::OfRule> limits;
  for (const LimitedRule& limited : firewall.limited(chain)) {
    LimitedAnswer::OfRule limit;
    limit.rule = numbered_rule(limited.rule, limited.id, firewall.now());
    for (std::size_t i = 0; i < view.chain.rules.size(); ++i) {
      if (view.chain.rules[i].counter == limited.rule.counter) {
        limit.dropped = counts_of(view.counts[i]);
      }
    }
    limit.known = limited.addresses.size();
    for (const LimitedAddress& one : limited.addresses) {
      const double last_s = static_cast<double>(one.since_last.count()) / kLimitedNsPerSecond;
      const bool now = last_s <= kLimitedNowSeconds;
      limit.now += now ? 1 : 0;
      if (limit.addresses.size() < top) {
        const auto range = one.range ? std::optional(one.range->text()) : std::nullopt;
        limit.addresses.push_back({range, {one.packets, one.bytes}, last_s, now});
      }
    }
    limits.push_back(std::move(limit));
  }
  return limits;
}

Chain chain_asked(const Request& request) { return parse_chain_name(request.captures.at("chain")); }

ChangeTerms terms_of_rules(const Firewall& firewall, const Request& request) {
  ChangeTerms terms = terms_of(request);
  require_tag(terms, request, [&firewall] { return rules_tag(firewall); });
  return terms;
}

// A resource that is one setting of a chain. `set` gets what was decoded from the request's body.
template <typename Wanted, typename Set>
void add_setting(Router& router, const char* path, const char* what, const RunFirewall& run, Set set) {
  router.add("PUT", path, Lane::quick, [run, what, set](const Request& request) {
    const Chain chain = chain_asked(request);
    Firewall& firewall = run.required();
    const auto wanted = decode<Wanted>(request.body);
    const ChangeTerms terms = terms_of_rules(firewall, request);
    run.enforcing(chain);
    set(firewall, chain, wanted, terms);
    run.tell_rules(RunFirewall::RulesChange{what, chain, asked_by(request)});
    return encode(EnforcedAnswer{run.enforced_after_change(chain)});
  });
}

}  // namespace

void add_rules_routes(Router& router, const RunFirewall& run, const std::optional<std::string>& caution) {
  router.add_raw("GET", resource::kRules, Lane::quick, [run](const Request&) {
    const Firewall& firewall = run.required();
    const std::string tag = rules_tag(firewall);  // before: what is shown may be newer, never older
    return tagged(encode(RulesAnswer{chain_answer(firewall, Chain::ingress), chain_answer(firewall, Chain::egress),
                                     run.enforced(), run.unconfirmed()}),
                  tag);
  });
  router.add("GET", resource::kLimited, Lane::quick, [run](const Request& request) {
    const Firewall& firewall = run.required();
    const std::size_t top = parse_limited_query(request.query);
    return encode(LimitedAnswer{limits_of(firewall, Chain::ingress, top), limits_of(firewall, Chain::egress, top)});
  });
  router.add("POST", resource::kBatch, Lane::quick, [run](const Request& request) {
    const Chain chain = chain_asked(request);
    Firewall& firewall = run.required();
    const Batch batch = parse_batch(request.body, firewall.now());
    const ChangeTerms terms = terms_of_rules(firewall, request);
    run.enforcing(chain);
    const Firewall::Applied applied = firewall.apply(chain, batch, terms);
    if (!applied.changes.empty()) {
      run.tell_rules(RunFirewall::RulesChange{"batch", chain, asked_by(request)});
    }
    return encode(batch_answer(applied, firewall.now(), run.enforced_after_change(chain)));
  });
  router.add(
      "POST", resource::kBatchDiff, Lane::quick,
      [run](const Request& request) {
        const Chain chain = chain_asked(request);
        const Firewall& firewall = run.required();
        const Batch batch = parse_batch(request.body, firewall.now());
        return encode(batch_answer(firewall.preview(chain, batch), firewall.now(), run.enforced()));
      },
      Access::read);
  router.add("PUT", resource::kDefault, Lane::quick, [run, caution](const Request& request) {
    const Chain chain = chain_asked(request);
    Firewall& firewall = run.required();
    const auto wanted = decode<DefaultRequest>(request.body);
    const ChangeTerms terms = terms_of_rules(firewall, request);
    run.enforcing(chain);
    std::vector<std::string> cut_off = firewall.set_default(chain, wanted.action, terms);
    run.tell_rules(RunFirewall::RulesChange{"default", chain, asked_by(request)});
    const bool beware = chain == Chain::ingress && wanted.action == RuleAction::drop;
    return encode(DefaultAnswer{std::move(cut_off), beware ? caution : std::nullopt, run.enforced_after_change(chain)});
  });
  add_setting<AcceptEstablishedRequest>(router, resource::kAcceptEstablished, "accept_established", run,
                                        [](Firewall& firewall, Chain chain, const auto& wanted, const auto& terms) {
                                          firewall.accept_established(chain, wanted.on, terms);
                                        });
  add_setting<UnjudgedRequest>(router, resource::kUnjudged, "unjudged", run,
                               [](Firewall& firewall, Chain chain, const auto& wanted, const auto& terms) {
                                 firewall.drop_unjudged(chain, wanted.drop, terms);
                               });
  add_setting<NonIpRequest>(router, resource::kNonIp, "non_ip", run,
                            [](Firewall& firewall, Chain chain, const auto& wanted, const auto& terms) {
                              firewall.set_non_ip(chain, wanted.types, terms);
                            });
  router.add("POST", resource::kConfirm, Lane::quick, [run](const Request& request) {
    Firewall& firewall = run.required();
    refuse_fields(request.body);
    const std::string what = firewall.confirm();
    run.tell_rules(RunFirewall::RulesChange{"confirm", std::nullopt, asked_by(request)});
    return encode(ConfirmAnswer{what, run.enforced()});
  });
  router.add("POST", resource::kRevert, Lane::quick, [run](const Request& request) {
    Firewall& firewall = run.required();
    refuse_fields(request.body);
    const std::string what = firewall.revert();
    run.tell_rules(RunFirewall::RulesChange{"revert", std::nullopt, asked_by(request)});
    return encode(RevertAnswer{what, run.enforced()});
  });
  router.add("POST", resource::kResetCounters, Lane::quick, [run](const Request& request) {
    Firewall& firewall = run.required();
    refuse_fields(request.body);
    firewall.reset_counters();
    return encode(EnforcedAnswer{run.enforced()});
  });
}

}  // namespace nicsentry
