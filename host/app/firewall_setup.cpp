// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/firewall_setup.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/base/wall_clock.h"
#include "host/rules/language/batch.h"

namespace nicsentry {
namespace {

void apply_file(Firewall& firewall, Chain chain, const std::filesystem::path& path, const nlohmann::json& batch,
                const ChangeTerms& terms) {
  try {
    firewall.replace_rules(chain, parse_batch(batch, wall_clock_ns()), terms);
  } catch (const Error& error) {
    throw Error(path.string() + ": " + chain_name(chain) + ": " + error.what());
  }
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

void warn_of_idle_egress(const Firewall& firewall, const std::function<void(const std::string&)>& warning) {
  const auto chain = firewall.rules(Chain::egress);
  if (!chain->rules.empty() || chain->default_action == RuleAction::drop) {
    warning("the egress rules and default of the state directory are not in force: " +
            std::string(not_enforced(Chain::egress).what()));
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
  return VitalTraffic({options.interfaces, options.port.both_directions, one_way_caution(options).has_value()});
}

std::unique_ptr<Firewall> make_firewall(const DaemonOptions& options,
                                        const std::function<void(const std::string&)>& warning) {
  if (!options.wants_firewall()) {
    return nullptr;
  }
  const bool egress = options.port.both_directions;
  if (options.egress_rules && !egress) {
    refuse_egress("--egress-rules " + options.egress_rules->string());
  }
  auto firewall = std::make_unique<Firewall>(
      Firewall::Options{FirewallSize{}, options.state, warning, options.tcp_pickup,
                        [vital = vital_traffic(options)](std::optional<pid_t> caller, bool standing) {
                          return vital.packets(caller, standing);
                        }});
  const ChangeTerms terms{options.yes, std::nullopt, getpid()};
  if (options.rules) {
    const nlohmann::json rules = read_json_file(options.rules->string());
    if (is_of_chains(rules)) {
      check_chains(rules, options.rules->string());
      if (has_egress_rules(rules) && !egress) {
        refuse_egress(options.rules->string() + ": egress");
      }
      for (const Chain chain : {Chain::ingress, Chain::egress}) {
        if (rules.contains(chain_name(chain))) {
          apply_file(*firewall, chain, *options.rules, rules.at(chain_name(chain)), terms);
        }
      }
    } else {
      apply_file(*firewall, Chain::ingress, *options.rules, rules, terms);
    }
  }
  if (options.egress_rules) {
    apply_file(*firewall, Chain::egress, *options.egress_rules, read_json_file(options.egress_rules->string()), terms);
  }
  if (!egress) {
    warn_of_idle_egress(*firewall, warning);
  }
  return firewall;
}

}  // namespace nicsentry
