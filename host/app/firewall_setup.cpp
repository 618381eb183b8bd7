// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/firewall_setup.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/ports/port_claim.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/ruleset.h"

namespace nicsentry {
namespace {

// `act` puts rules of the file in force.
template <typename Act>
void from_file(const std::string& source, Act act) {
  try {
    act();
  } catch (const LockOut& refused) {
    std::string text = source + ": refused: it would cut off";
    for (const std::string& one : refused.cut_off()) {
      text += "\n  " + one;
    }
    throw Error(text +
                "\nTo apply it all the same: --yes. To be able to go back: run --firewall, then 'nicsentry rules "
                "apply --yes --confirm 60s'.");
  } catch (const Error& error) {
    throw Error(source + ": " + error.what());
  }
}

void apply_batch_file(Firewall& firewall, Chain chain, const std::string& path, const nlohmann::json& batch,
                      const ChangeTerms& terms) {
  from_file(path + ": " + chain_name(chain),
            [&] { firewall.replace_rules(chain, parse_batch(batch, firewall.now()), terms); });
}

// {"ingress": batch, "egress": batch}, or one of them.
bool is_of_chains(const nlohmann::json& rules) {
  return rules.is_object() && (rules.contains("ingress") || rules.contains("egress"));
}

Error no_chain(const std::string& source, const std::string& name) {
  return Error(source + ": unknown key '" + name + "'; only ingress and egress are allowed");
}

void check_chains(const nlohmann::json& batches, const std::string& source) {
  for (const auto& [name, batch] : batches.items()) {
    if (name != chain_name(Chain::ingress) && name != chain_name(Chain::egress)) {
      throw no_chain(source, name);
    }
  }
}

bool has_egress_rules(const nlohmann::json& batches) {
  const auto egress = batches.find(chain_name(Chain::egress));
  return egress != batches.end() && egress->contains("rules") && !egress->at("rules").empty();
}

// Rules that nothing enforces would be taken for protection.
void refuse_egress(const std::string& source) { throw Error(source + ": " + not_enforced(Chain::egress).what()); }

void load_file(Firewall& firewall, const std::string& path, const nlohmann::json& file, bool egress,
               const ChangeTerms& terms) {
  from_file(path, [&] {
    const Ruleset ruleset = parse_ruleset(file, Chain::ingress, firewall.now());
    const auto& wanted = ruleset.of(Chain::egress);
    if (wanted && !egress && (!wanted->rules.empty() || wanted->default_action == RuleAction::drop)) {
      throw not_enforced(Chain::egress);
    }
    firewall.load(ruleset, terms);
  });
}

// A ruleset; a batch for the chain; or batches for both, where the chain is ingress.
void apply_file(Firewall& firewall, Chain chain, const std::string& path, bool egress, const ChangeTerms& terms) {
  const nlohmann::json rules = read_json_file(path);
  if (is_ruleset(rules)) {
    load_file(firewall, path, chain == Chain::egress ? named_chain(rules, chain) : rules, egress, terms);
    return;
  }
  if (chain == Chain::egress || !is_of_chains(rules)) {
    apply_batch_file(firewall, chain, path, rules, terms);
    return;
  }
  check_chains(rules, path);
  if (has_egress_rules(rules) && !egress) {
    refuse_egress(path + ": egress");
  }
  for (const Chain one : {Chain::ingress, Chain::egress}) {
    if (rules.contains(chain_name(one))) {
      apply_batch_file(firewall, one, path, rules.at(chain_name(one)), terms);
    }
  }
}

void warn_of_idle_egress(const Firewall& firewall, const std::function<void(const std::string&)>& warning) {
  const auto chain = firewall.rules(Chain::egress);
  if (!chain->rules.empty() || chain->default_action == RuleAction::drop) {
    warning("the egress rules and default of the state directory are not in force: " +
            std::string(not_enforced(Chain::egress).what()));
  }
}

// The directory may be of a run on other ports.
void warn_of_unwatched(const Firewall& firewall, const std::vector<std::string>& ports,
                       const std::function<void(const std::string&)>& warning) {
  for (const Chain chain : {Chain::ingress, Chain::egress}) {
    std::set<std::string> unwatched;
    for (const Rule& rule : firewall.rules(chain)->rules) {
      for (const InterfaceMatch* match : {&rule.match.in, &rule.match.out}) {
        unwatched.insert(match->names.begin(), match->names.end());
        unwatched.insert(match->except.begin(), match->except.end());
      }
    }
    for (const std::string& port : ports) {
      unwatched.erase(port);
    }
    for (const std::string& port : unwatched) {
      warning(std::string("rules of the ") + chain_name(chain) + " chain name '" + port +
              "', which this run does not watch");
    }
  }
}

}  // namespace

Conflict not_enforced(Chain chain) {
  return Conflict(std::string("no program of this run enforces the ") + chain_name(chain) + " chain" +
                  (chain == Chain::egress ? " (run with --direction both)" : ""));
}

std::optional<std::string> one_way_caution(const DaemonOptions& options) {
  if (!options.wants_firewall() || options.interfaces.size() != 1 || options.port.both_directions) {
    return std::nullopt;
  }
  return "only what comes in is seen: answers to what this host begins count as NEW; run with --direction both";
}

VitalTraffic vital_traffic(const DaemonOptions& options) {
  // True of the host's own packets, however many ports there are.
  const bool one_way = !options.port.both_directions;
  return VitalTraffic({options.interfaces, options.port.both_directions, one_way});
}

void apply_rule_files(Firewall& firewall, const DaemonOptions& options) {
  const bool egress = options.port.both_directions;
  if (options.egress_rules && !egress) {
    refuse_egress("--egress-rules " + options.egress_rules->string());
  }
  const ChangeTerms terms{options.yes, std::nullopt, {getpid(), std::nullopt}};
  if (options.rules) {
    apply_file(firewall, Chain::ingress, options.rules->string(), egress, terms);
  }
  if (options.egress_rules) {
    apply_file(firewall, Chain::egress, options.egress_rules->string(), egress, terms);
  }
}

std::unique_ptr<Firewall> make_firewall(const DaemonOptions& options, const Messages& messages) {
  if (!options.wants_firewall()) {
    return nullptr;
  }
  const bool egress = options.port.both_directions;
  if (options.egress_rules && !egress) {
    refuse_egress("--egress-rules " + options.egress_rules->string());
  }
  Firewall::Options wanted;
  wanted.state = options.state;
  wanted.count_hits = options.port.count_hits;
  if (options.state) {
    wanted.memory = runtime_directory_to_drive();
  }
  wanted.warning = messages.warning;
  wanted.info = messages.info;
  wanted.tcp_pickup = options.tcp_pickup;
  wanted.vital = [vital = vital_traffic(options)](const Caller& caller, bool standing) {
    return vital.packets(caller, standing);
  };
  auto firewall = std::make_unique<Firewall>(std::move(wanted));
  apply_rule_files(*firewall, options);
  if (!egress) {
    warn_of_idle_egress(*firewall, messages.warning);
  }
  warn_of_unwatched(*firewall, options.interfaces, messages.warning);
  return firewall;
}

}  // namespace nicsentry
