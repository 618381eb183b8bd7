// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/rule_store.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace nicsentry {
namespace {

bool names_set(const AddressMatch& match, const std::string& set) {
  const auto names = [&set](const std::vector<std::string>& sets) {
    return std::find(sets.begin(), sets.end(), set) != sets.end();
  };
  return names(match.sets) || names(match.except_sets);
}

}  // namespace

std::vector<std::uint32_t> counters_of(const ChainRules& chain) {
  std::vector<std::uint32_t> ids(COUNTER_FIRST_RULE);
  std::iota(ids.begin(), ids.end(), 0U);
  for (const Rule& rule : chain.rules) {
    ids.push_back(rule.counter);
  }
  return ids;
}

std::shared_ptr<const InstalledChain> RuleStore::installed(Chain chain) const {
  const std::lock_guard lock(mutex_);
  return installed_.at(static_cast<std::size_t>(chain));
}

std::shared_ptr<const ChainRules> RuleStore::rules(Chain chain) const {
  const auto whole = installed(chain);
  return {whole, &whole->chain};
}

void RuleStore::publish(Chain chain, std::shared_ptr<const InstalledChain> installed) {
  const std::lock_guard lock(mutex_);
  std::swap(installed_.at(static_cast<std::size_t>(chain)), installed);
}

void RuleStore::load(const std::vector<std::string>& set_names, TimestampNs now_ns, TcpPickup pickup,
                     const Compile& compile) {
  FirewallState::Chains chains;
  if (state_ != nullptr) {
    chains = state_->load_rules(set_names, now_ns);
  }
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    ChainRules& rules = chain == Chain::ingress ? chains.ingress : chains.egress;
    rules.tcp_pickup = pickup;
    ids_.assign({}, rules);
    publish(chain, compile(chain, rules));
  }
}

RuleStore::Change::Change(RuleStore& store, Chain chain, ChainRules next)
    : store_(store), chain_(chain), next_(std::move(next)) {
  new_counters_ = store_.ids_.assign(*store_.rules(chain_), next_);
}

RuleStore::Change::~Change() {
  if (!committed_) {
    store_.ids_.settle(next_, *store_.rules(chain_));
  }
}

void RuleStore::save(std::span<const Change* const> changes) {
  if (state_ == nullptr) {
    return;
  }
  std::array<std::shared_ptr<const ChainRules>, 2> now{rules(Chain::ingress), rules(Chain::egress)};
  std::array<const ChainRules*, 2> saved{now[0].get(), now[1].get()};
  for (const Change* change : changes) {
    saved.at(static_cast<std::size_t>(change->chain())) = &change->next();
  }
  try {
    state_->save_rules(*saved[0], *saved[1]);
    unsaved_.clear();
  } catch (const std::exception& error) {  // also of a name that is not UTF-8
    if (changes.empty()) {
      unsaved_ = error.what();
    }
    throw;
  }
}

void RuleStore::Change::commit(std::shared_ptr<const InstalledChain> installed) {
  const auto before = store_.rules(chain_);
  store_.publish(chain_, std::move(installed));
  store_.ids_.settle(*before, next_);
  committed_ = true;
}

std::size_t uses_of(const ChainRules& chain, const std::string& set) {
  return static_cast<std::size_t>(std::count_if(chain.rules.begin(), chain.rules.end(), [&set](const Rule& rule) {
    return names_set(rule.match.source, set) || names_set(rule.match.destination, set);
  }));
}

std::size_t RuleStore::uses_of(const std::string& set) const {
  return nicsentry::uses_of(*rules(Chain::ingress), set) + nicsentry::uses_of(*rules(Chain::egress), set);
}

std::optional<TimestampNs> RuleStore::next_end() const {
  std::optional<TimestampNs> next;
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    const auto chain_rules = rules(chain);
    for (const Rule& rule : chain_rules->rules) {
      if (rule.expires_ns && (!next || *rule.expires_ns < *next)) {
        next = rule.expires_ns;
      }
    }
  }
  return next;
}

}  // namespace nicsentry
