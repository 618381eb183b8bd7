// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "host/api/client/controller.h"
#include "host/cli/change_options.h"
#include "host/cli/command_parts.h"
#include "host/cli/commands.h"
#include "host/cli/controller_option.h"
#include "host/cli/enforced_text.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/rules_change.h"
#include "host/cli/rules_check.h"
#include "host/cli/rules_explain.h"
#include "host/cli/rules_file.h"
#include "host/cli/rules_import.h"
#include "host/cli/rules_limits.h"
#include "host/cli/rules_load.h"
#include "host/cli/rules_statistics.h"
#include "host/rules/language/chain_settings.h"

namespace nicsentry {
namespace {

struct RulesOptions {
  std::string interface;
  std::string file;
  std::string chain;
  std::string action;
  std::string on;
  std::vector<std::string> ether_types;
  bool egress = false;
  bool json = false;
  bool stats = false;
  ChangeOptions change;
};

// Those that are not as a chain has them at first.
std::string changed_settings(const ChainAnswer& chain) {
  std::string text = chain.accept_established ? "" : "accept-established off";
  const auto add = [&text](const std::string& setting) { text += (text.empty() ? "" : ", ") + setting; };
  if (!chain.drop_unjudged) {
    add("unjudged pass");
  }
  if (chain.non_ip) {
    add("non-ip " + non_ip_json(chain.non_ip).dump());
  }
  return text;
}

int show(const RulesOptions& options) {
  set_up_log(false);
  const RulesAnswer answer = Controller::of_port(options.interface).rules();
  if (options.json) {
    std::printf("%s\n", printed_json(encode(answer), 2).c_str());
    std::fflush(stdout);
    return enforcement_status(answer.enforced);
  }
  for (const ChainAnswer* chain : {&answer.ingress, &answer.egress}) {
    std::fputs(options.stats ? rules_statistics(*chain).c_str() : chain->text.c_str(), stdout);
  }
  for (const ChainAnswer* chain : {&answer.ingress, &answer.egress}) {
    if (const std::string settings = changed_settings(*chain); !settings.empty()) {
      std::printf("%s settings: %s\n", chain == &answer.ingress ? "ingress" : "egress", settings.c_str());
    }
  }
  if (answer.unconfirmed) {
    std::printf(
        "%s is taken back in %.0f s unless confirmed: nicsentry rules confirm; at once: nicsentry rules revert\n",
        answer.unconfirmed->what.c_str(), answer.unconfirmed->seconds);
  }
  return report_enforced(answer.enforced);
}

int apply(const RulesOptions& options) {
  set_up_log(false);
  const Chain chain = options.egress ? Chain::egress : Chain::ingress;
  const nlohmann::json batch = read_rules_file(options.file);
  const BatchAnswer answer = Controller::of_port(options.interface).apply(chain, batch, change_query(options.change));
  warn_of_twice(answer);
  return report_change(options.change, encode(answer), answer.enforced, {chain}, [&] { report_rules(chain, answer); });
}

int check(const RulesOptions& options) {
  set_up_log(false);
  check_rules(read_rules_file(options.file), options.egress ? Chain::egress : Chain::ingress, options.json);
  return kExitSuccess;
}

int set_default(const RulesOptions& options) {
  set_up_log(false);
  const RuleAction action =
      options.action == default_action_name(RuleAction::drop) ? RuleAction::drop : RuleAction::accept;
  const Chain chain = parse_chain_name(options.chain);
  const DefaultAnswer answer =
      Controller::of_port(options.interface).set_default(chain, action, change_query(options.change));
  return report_change(options.change, encode(answer), answer.enforced, {chain}, [&] {
    std::printf("default %s (%s)\n", options.action.c_str(), options.chain.c_str());
    std::fflush(stdout);
    if (!answer.cut_off.empty()) {
      std::string lines;
      for (const std::string& one : answer.cut_off) {
        lines += "\n  " + one;
      }
      log_warning("it cuts off" + lines);
    }
    if (answer.warning) {
      log_warning(*answer.warning);
    }
  });
}

int accept_established(const RulesOptions& options) {
  set_up_log(false);
  const Chain chain = parse_chain_name(options.chain);
  const EnforcedAnswer answer = Controller::of_port(options.interface)
                                    .accept_established(chain, options.on == "on", change_query(options.change));
  return report_change(options.change, encode(answer), answer.enforced, {chain},
                       [&] { std::printf("accept-established %s (%s)\n", options.on.c_str(), options.chain.c_str()); });
}

int unjudged(const RulesOptions& options) {
  set_up_log(false);
  const Chain chain = parse_chain_name(options.chain);
  const EnforcedAnswer answer = Controller::of_port(options.interface)
                                    .drop_unjudged(chain, options.action == "drop", change_query(options.change));
  return report_change(options.change, encode(answer), answer.enforced, {chain},
                       [&] { std::printf("unjudged %s (%s)\n", options.action.c_str(), options.chain.c_str()); });
}

int non_ip(const RulesOptions& options) {
  set_up_log(false);
  const bool all = options.ether_types.size() == 1 && options.ether_types.front() == "all";
  const auto types = parse_non_ip(all ? nlohmann::json("all") : nlohmann::json(options.ether_types));
  const Chain chain = parse_chain_name(options.chain);
  const EnforcedAnswer answer =
      Controller::of_port(options.interface).set_non_ip(chain, types, change_query(options.change));
  return report_change(options.change, encode(answer), answer.enforced, {chain}, [&] {
    std::printf("non-ip %s (%s)\n", non_ip_json(types).dump().c_str(), options.chain.c_str());
  });
}

int confirm(const RulesOptions& options) {
  set_up_log(false);
  const ConfirmAnswer answer = Controller::of_port(options.interface).confirm();
  return report_change(options.change, encode(answer), answer.enforced, {Chain::ingress, Chain::egress},
                       [&] { std::printf("confirmed: %s stays\n", answer.what.c_str()); });
}

int revert(const RulesOptions& options) {
  set_up_log(false);
  const RevertAnswer answer = Controller::of_port(options.interface).revert();
  return report_change(options.change, encode(answer), answer.enforced, {Chain::ingress, Chain::egress},
                       [&] { std::printf("taken back: %s\n", answer.what.c_str()); });
}

int reset_counters(const RulesOptions& options) {
  set_up_log(false);
  const EnforcedAnswer answer = Controller::of_port(options.interface).reset_counters();
  return report_change(options.change, encode(answer), answer.enforced, {Chain::ingress, Chain::egress},
                       [&] { std::printf("counters reset\n"); });
}

void add_batch(CLI::App& command, RulesOptions& options) {
  command.add_option("FILE", options.file, "the batch, JSON; '-': standard input")->required();
  command.add_flag("--egress", options.egress, "to the egress chain (default: ingress)");
}

void add_chain(CLI::App& command, RulesOptions& options) {
  command.add_option("CHAIN", options.chain, "ingress or egress")->required()->check(one_of({"ingress", "egress"}));
}

}  // namespace

void add_rules_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RulesOptions>();
  CLI::App* rules = app.add_subcommand("rules", "the firewall's rules");
  rules->require_subcommand(1);
  rules->footer(
      "Examples:\n  nicsentry rules add drop src=203.0.113.0/24 l4proto=TCP dport=22 -i eth0\n"
      "  nicsentry rules export -i eth0\n  nicsentry rules load rules.json -i eth0\n"
      "  nicsentry rules apply batch.json -i eth0\n  nicsentry rules show --stats -i eth0\n"
      "  nicsentry rules default ingress drop --yes --confirm 60s -i eth0\n  nicsentry rules confirm -i eth0\n"
      "  nicsentry rules explain src=203.0.113.7 dport=443 -i eth0");
  const auto add = [&chosen, options, rules](const char* name, const char* what, int (*perform)(const RulesOptions&)) {
    return add_part(*rules, name, what, options, perform, chosen);
  };

  CLI::App* command = add("show", "print both chains", show);
  add_controller_option(*command, options->interface);
  CLI::Option* as_json = command->add_flag("--json", options->json, "print JSON, with counters");
  command->add_flag("--stats", options->stats, "print packets and bytes beside each rule")->excludes(as_json);

  command = add("apply", "perform a batch on a chain, all of it or nothing", apply);
  add_batch(*command, *options);
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);

  command = add("check", "compile a batch or a ruleset and print its size; nothing is put in force", check);
  command->add_option("FILE", options->file, "the batch or ruleset, JSON; '-': standard input")->required();
  command->add_flag("--egress", options->egress, "for the egress chain, where the file names no chain");
  command->add_flag("--json", options->json, "print JSON");

  add_change_commands(*rules, chosen);
  add_ruleset_commands(*rules, chosen);
  add_explain_command(*rules, chosen);
  add_import_command(*rules, chosen);
  add_limits_command(*rules, chosen);

  command = add("default", "the action for packets that no rule matches", set_default);
  add_chain(*command, *options);
  command->add_option("ACTION", options->action, "drop or accept")->required()->check(one_of({"drop", "accept"}));
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);

  command = add("accept-established", "whether established connections pass before the rules", accept_established);
  add_chain(*command, *options);
  command->add_option("STATE", options->on, "on or off")->required()->check(one_of({"on", "off"}));
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);

  command = add("unjudged", "the action for packets that cannot be read far enough to judge them", unjudged);
  add_chain(*command, *options);
  command->add_option("ACTION", options->action, "drop or pass")->required()->check(one_of({"drop", "pass"}));
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);

  command = add("non-ip", "which frames that are no IP pass", non_ip);
  add_chain(*command, *options);
  command->add_option("TYPE", options->ether_types, "all, or EtherTypes such as ARP LLDP 0x8864")->required();
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);

  command = add("confirm", "keep a change that was made with --confirm", confirm);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);

  command = add("revert", "take such a change back at once", revert);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);

  command = add("reset-counters", "set the counters of all rules to 0", reset_counters);
  add_change_json(*command, options->change);
  add_controller_option(*command, options->interface);
}

}  // namespace nicsentry
