// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "host/enforce/firewall.h"
#include "host/lockout/lockout.h"
#include "host/polycube/cube.h"
#include "host/polycube/firewall_port.h"
#include "host/polycube/reset_counts.h"
#include "host/rules/language/batch.h"

namespace nicsentry::polycube {

// A cube of the service firewall: two chains of rules, in force on the interface to which it is attached. A request
// that is refused changes nothing. While the cube is attached, and when it is, a change that would cut off what this
// host or its client depends on is refused.
class FirewallCube : public TransparentCube {
 public:
  // `settings`: type, loglevel, conntrack, accept-established, interactive, chain. Throws Error.
  FirewallCube(CubeIdentity identity, const nlohmann::json& settings, OpenFirewallPort open,
               std::function<void(const std::string&)> warning);

  Response answer(const Call& call) override;
  void attach(const std::string& interface, const std::string& port, const Places& places,
              const FindTerms& terms) override;
  void detach() override;
  bool is_firewall() const override { return true; }

 private:
  // Changes that wait for apply-rules, and the rules that the chain will have.
  struct Staged {
    Batch batch;
    ChainRules rules;
  };
  // The state that a request may change, as it was before.
  struct Before {
    bool conntrack;
    bool accept_established;
    bool interactive;
    int log_level;
    std::array<std::optional<Staged>, 2> staged;
    std::array<std::shared_ptr<const ChainRules>, 2> rules;
  };

  std::optional<Staged>& staged(Chain chain) { return staged_.at(static_cast<std::size_t>(chain)); }
  ResetCounts& resets(Chain chain) { return resets_.at(static_cast<std::size_t>(chain)); }
  ChainRules rules(Chain chain);
  std::size_t perform(Chain chain, nlohmann::json operations, const ChangeTerms& terms);
  void apply_staged(Chain chain, const ChangeTerms& terms);
  void apply_all_staged(const ChangeTerms& terms);
  void set(const std::string& name, const std::string& value, const ChangeTerms& terms);
  void set_chain(Chain chain, const nlohmann::json& settings, const ChangeTerms& terms);
  void set_established(const ChangeTerms& terms);
  void refuse_lock_out(const VitalTraffic& vital, const ChangeTerms& terms) const;
  Before before() const;
  void restore(Before before);
  void refuse_states(const nlohmann::json& operations) const;
  nlohmann::ordered_json rules_json(Chain chain);
  nlohmann::ordered_json stats_json(Chain chain);
  nlohmann::ordered_json chain_json(Chain chain);
  nlohmann::ordered_json sessions_json();
  nlohmann::ordered_json document(const Call& call);
  Response change(const Call& call, const ChangeTerms& terms);
  Response change_chain(const Call& call, Chain chain, const ChangeTerms& terms);
  Response act(const Call& call, Chain chain, const std::string& action, const ChangeTerms& terms);
  Response change_rules(const Call& call, Chain chain, const ChangeTerms& terms);
  Response change_rule(const Call& call, Chain chain, std::size_t id, const ChangeTerms& terms);

  const OpenFirewallPort open_;
  std::mutex mutex_;  // of what follows
  bool conntrack_ = true;
  bool accept_established_ = true;
  bool interactive_ = true;
  std::array<std::optional<Staged>, 2> staged_;  // by Chain
  std::array<ResetCounts, 2> resets_;            // by Chain
  std::optional<VitalTraffic> vital_;            // while it is attached
  Firewall firewall_;
  std::unique_ptr<FirewallPort> port_on_;  // last: it uses the firewall
};

}  // namespace nicsentry::polycube
