// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_load.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "host/api/client/controller.h"
#include "host/base/error.h"
#include "host/cli/change_options.h"
#include "host/cli/command_parts.h"
#include "host/cli/controller_option.h"
#include "host/cli/log.h"
#include "host/cli/number_of.h"
#include "host/cli/rules_file.h"
#include "host/rules/language/ruleset.h"
#include "host/rules/language/ruleset_change.h"
#include "host/rules/language/ruleset_text.h"

namespace nicsentry {
namespace {

struct RulesetOptions {
  std::string interface;
  std::string file;
  bool egress = false;
  bool json = false;
  ChangeOptions change;
};

nlohmann::json read_ruleset(const RulesetOptions& options) {
  const nlohmann::json file = read_rules_file(options.file);
  return options.egress ? named_chain(file, Chain::egress) : file;
}

void print_loaded(const char* chain, const std::optional<LoadAnswer::OfChain>& loaded) {
  if (!loaded) {
    return;
  }
  const std::size_t added = loaded->rules - loaded->kept;
  std::printf("%s: %s in force", chain, number_of(loaded->rules, "rule", "rules").c_str());
  if (!loaded->changed) {
    std::printf(", as before\n");
  } else {
    std::printf(" (%zu stayed, %zu new, %zu removed)\n", loaded->kept, added, loaded->removed);
  }
}

void print_loaded(const LoadAnswer& answer) {
  print_loaded("ingress", answer.ingress);
  print_loaded("egress", answer.egress);
  for (const LoadAnswer::OfSet& set : answer.sets) {
    std::printf("set %s: %s%s\n", set.name.c_str(), number_of(set.entries, "entry", "entries").c_str(),
                set.changed ? "" : ", as before");
  }
}

int load(const RulesetOptions& options) {
  set_up_log(false);
  const nlohmann::json ruleset = read_ruleset(options);
  const LoadAnswer answer = Controller::of_port(options.interface).load(ruleset, change_query(options.change));
  bool changed = (answer.ingress && answer.ingress->changed) || (answer.egress && answer.egress->changed);
  for (const LoadAnswer::OfSet& set : answer.sets) {
    changed = changed || set.changed;
  }
  std::vector<Chain> chains;
  if (answer.ingress || !answer.egress) {
    chains.push_back(Chain::ingress);
  }
  if (answer.egress || !answer.ingress) {
    chains.push_back(Chain::egress);
  }
  ChangeOptions change = options.change;
  if (!changed) {
    change.confirm.clear();  // nothing waits
  }
  return report_change(change, encode(answer), answer.enforced, chains, [&answer] { print_loaded(answer); });
}

int export_ruleset(const RulesetOptions& options) {
  set_up_log(false);
  std::fputs(ruleset_text(Controller::of_port(options.interface).ruleset().ruleset).c_str(), stdout);
  return kExitSuccess;
}

int print_differences(const RulesetOptions& options) {
  const nlohmann::json ruleset = read_ruleset(options);  // before a controller is looked for
  const DiffAnswer answer = Controller::of_port(options.interface).compare(ruleset);
  if (options.json) {
    std::printf("%s\n", printed_json(encode(answer), 2).c_str());
  } else {
    for (const nlohmann::ordered_json& difference : answer.differences) {
      std::printf("%s\n", difference_text(difference).c_str());
    }
  }
  return answer.differences.empty() ? kExitSuccess : kExitFailure;
}

// As diff(1): 0 where nothing differs, 1 where something does, 2 where that is not known.
int diff(const RulesetOptions& options) {
  set_up_log(false);
  try {
    return print_differences(options);
  } catch (const Error& error) {
    log_error(error.what());
    return kExitNotCompared;
  }
}

void add_file(CLI::App& command, RulesetOptions& options) {
  command.add_option("FILE", options.file, "the ruleset, JSON; '-': standard input")->required();
  command.add_flag("--egress", options.egress, "the file has the rules of the egress chain alone (default: ingress)");
}

}  // namespace

void add_ruleset_commands(CLI::App& rules, Action& chosen) {
  auto options = std::make_shared<RulesetOptions>();
  const auto add = [&](const char* name, const char* what, int (*perform)(const RulesetOptions&)) {
    CLI::App* command = add_part(rules, name, what, options, perform, chosen);
    add_controller_option(*command, options->interface);
    return command;
  };
  CLI::App* command = add("load", "make chains and sets what a file says, at one instant", load);
  add_file(*command, *options);
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);

  add("export", "print rules, settings and sets in force, as 'rules load' takes them", export_ruleset);

  command = add("diff", "print what 'rules load' of a file would change; exit status 1 if anything", diff);
  add_file(*command, *options);
  command->add_flag("--json", options->json, "print JSON");
}

}  // namespace nicsentry
