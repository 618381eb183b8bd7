// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_change.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/api/client/controller.h"
#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/cli/change_options.h"
#include "host/cli/controller_option.h"
#include "host/cli/enforced_text.h"
#include "host/cli/log.h"
#include "host/cli/number_of.h"
#include "host/cli/value_types.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/language/rule_words.h"

namespace nicsentry {
namespace {

using nlohmann::json;

struct ChangeCommand {
  std::string interface;
  std::vector<std::string> words;
  std::string from;
  std::string to;
  bool egress = false;
  ChangeOptions change;
  json operation;

  Chain chain() const { return egress ? Chain::egress : Chain::ingress; }
};

bool is_number(const std::string& word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char letter) { return letter >= '0' && letter <= '9'; });
}

// A number where it is one, so that errors quote it as it was written.
json id_of(const std::string& word) {
  json number = json::parse(word, nullptr, false);
  return number.is_number_integer() ? number : json(word);
}

json rule_operation(const char* operation, std::span<const std::string> words) {
  json fields = read_rule_words(words);
  fields["operation"] = operation;
  return fields;
}

json addition(const ChangeCommand& command) { return rule_operation("append", command.words); }

json insertion(const ChangeCommand& command) {
  const bool placed = is_number(command.words.front());
  json fields = rule_operation("insert", std::span(command.words).subspan(placed ? 1 : 0));
  fields["id"] = placed ? id_of(command.words.front()) : json(0);
  return fields;
}

json replacement(const ChangeCommand& command) {
  if (!is_number(command.words.front()) || command.words.size() == 1) {
    throw Error("\"" + command.words.front() +
                "\": allowed is the rule's id, a number as 'nicsentry rules show' has it, and behind it the rule as "
                "with 'rules add'");
  }
  json fields = rule_operation("update", std::span(command.words).subspan(1));
  fields["id"] = id_of(command.words.front());
  return fields;
}

json deletion(const ChangeCommand& command) {
  const std::string& word = command.words.front();
  if (command.words.size() == 1 && is_number(word)) {
    return {{"operation", "delete"}, {"id", id_of(word)}};
  }
  if (command.words.size() == 1 && word.find('=') == std::string::npos && !parse_action(word)) {
    throw Error("\"" + word +
                "\": allowed is the rule's id, a number as 'nicsentry rules show' has it, or the rule as "
                "with 'rules add'" +
                (word == "all" ? "; did you mean 'rules flush'?" : ""));
  }
  return rule_operation("delete", command.words);
}

json movement(const ChangeCommand& command) {
  return {{"operation", "move"}, {"id", id_of(command.from)}, {"to", id_of(command.to)}};
}

json flushing(const ChangeCommand&) { return {{"operation", "flush"}}; }

// A batch of one operation: its number and its place in the batch say nothing to whoever wrote it.
std::string error_of_operation(std::string error) {
  if (error.starts_with("rule 1 (")) {
    error.erase(0, error.find("): ") + 3);
  }
  constexpr std::string_view kPoint = " at this point of the batch";
  if (const std::size_t point = error.find(kPoint); point != std::string::npos) {
    error.erase(point, kPoint.size());
  }
  return error;
}

// "Fields: in, out, src, ..."
std::string fields_line() {
  std::string names;
  for (const char* field : rule_fields()) {
    names += (names.empty() ? "Fields: " : ", ") + std::string(field);
  }
  return names + ".\n";
}

BatchAnswer ask(const ChangeCommand& command) {
  const Controller controller = Controller::of_port(command.interface);
  try {
    return controller.apply(command.chain(), {{"rules", json::array({command.operation})}},
                            change_query(command.change));
  } catch (const BatchError& batch) {
    std::vector<std::string> errors;
    for (const std::string& error : batch.errors()) {
      errors.push_back(error_of_operation(error));
    }
    throw BatchError(std::move(errors));
  }
}

// As `rules diff` has it.
void print_change(Chain chain, const BatchAnswer::Change& change) {
  if (!change.rule) {
    const std::size_t removed = change.removed.value_or(0);
    std::printf("- %s %s\n", chain_name(chain), number_of(removed, "rule", "rules").c_str());
    return;
  }
  nlohmann::ordered_json fields = encode(*change.rule);
  fields.erase("id");
  const bool updated = change.operation == "update";
  const char* sign = change.to ? ">" : change.operation == "delete" ? "-" : updated ? "~" : "+";
  const std::string to = change.to ? " -> " + std::to_string(*change.to) : "";
  std::printf("%s %s %zu%s %s\n", sign, chain_name(chain), change.rule->id, to.c_str(), python_json(fields).c_str());
}

int perform(const ChangeCommand& command) {
  set_up_log(false);
  const BatchAnswer answer = ask(command);
  warn_of_twice(answer);
  return report_change(command.change, encode(answer), answer.enforced, {command.chain()}, [&] {
    for (const BatchAnswer::Change& change : answer.changes) {
      print_change(command.chain(), change);
    }
    report_rules(command.chain(), answer);
  });
}

}  // namespace

void warn_of_twice(const BatchAnswer& answer) {
  if (answer.twice == 0) {
    return;
  }
  std::string ids;
  for (const TwiceRule& twice : answer.twice_ids) {
    ids += (ids.empty() ? "rule " : ", rule ") + std::to_string(twice.id) + " is the same as rule " +
           std::to_string(twice.same_as);
  }
  if (answer.twice_ids.size() < answer.twice) {
    ids += ", and " + std::to_string(answer.twice - answer.twice_ids.size()) + " more are in the chain already";
  }
  log_warning(ids + "; 'nicsentry rules load FILE' makes a chain what a file says");
}

void report_rules(Chain chain, const BatchAnswer& answer) {
  std::printf("%s in force (%s)\n", number_of(answer.rules, "rule", "rules").c_str(), chain_name(chain));
}

void add_change_commands(CLI::App& rules, Action& chosen) {
  const auto options = std::make_shared<ChangeCommand>();
  const auto add = [&](const char* name, const char* what, json (*operation)(const ChangeCommand&)) {
    CLI::App* command = rules.add_subcommand(name, what);
    command->callback([options, operation, &chosen] {
      try {
        options->operation = operation(*options);
      } catch (const Error& error) {
        throw CLI::ValidationError(error.what());
      }
      chosen = [options] { return perform(*options); };
    });
    command->add_flag("--egress", options->egress, "in the egress chain (default: ingress)");
    add_change_options(*command, options->change);
    add_change_json(*command, options->change);
    add_controller_option(*command, options->interface);
    return command;
  };
  const auto add_words = [&options](CLI::App& command, const char* what, const char* type = kRuleWordType) {
    command.add_option(kRuleWords, options->words, what)->required()->type_name(type);
  };

  CLI::App* command = add("add", "add a rule behind all others", addition);
  add_words(*command, "drop, accept, log, count or limit, and FIELD=VALUE words, several values with commas between");
  command->footer(fields_line() +
                  "Examples:\n"
                  "  nicsentry rules add drop src=10.0.0.0/8 l4proto=TCP dport=22,80,8000-8100 -i eth0\n"
                  "  nicsentry rules add accept 'src=@office,!198.51.100.66' l4proto=TCP dport=22\n"
                  "  nicsentry rules add drop src=203.0.113.7 expires=10m description='a scanner'\n"
                  "  nicsentry rules add limit l4proto=UDP dport=53 rate=100/s burst=20 per=source\n"
                  "  nicsentry rules add drop l4proto=UDP dport=1900 --egress --confirm 60s");

  command = add("insert", "insert a rule before others", insertion);
  add_words(*command, "the id that the rule gets (default: 0, before all others), then as with 'rules add'");
  command->footer(
      "Examples:\n"
      "  nicsentry rules insert accept src=192.0.2.7 -i eth0\n"
      "  nicsentry rules insert 3 drop l4proto=TCP dport=23");

  command = add("update", "replace a rule at its place; its counters stay", replacement);
  add_words(*command, "the rule's id as 'rules show' has it, then the new rule as with 'rules add'", kRuleIdOrWordType);
  command->footer(
      "Examples:\n"
      "  nicsentry rules update 3 drop l4proto=TCP dport=23 -i eth0\n"
      "  nicsentry rules update 0 limit l4proto=UDP dport=53 rate=200/s per=source");

  command = add("delete", "remove a rule", deletion);
  add_words(*command, "the rule's id as 'rules show' has it, or the rule as with 'rules add'", kRuleIdOrWordType);
  command->footer(
      "Examples:\n"
      "  nicsentry rules delete 3 -i eth0\n"
      "  nicsentry rules delete drop src=203.0.113.7");

  command = add("move", "move a rule; it keeps its counters and its remaining life", movement);
  command->add_option("ID", options->from, "the rule's id as 'rules show' has it")
      ->required()
      ->type_name(kRuleIdType)
      ->check(CLI::NonNegativeNumber);
  command->add_option("TO", options->to, "the id that it gets")
      ->required()
      ->type_name(kRuleIdType)
      ->check(CLI::NonNegativeNumber);
  command->footer("Example:\n  nicsentry rules move 5 0 -i eth0");

  command = add("flush", "remove all rules of a chain; its default and settings stay", flushing);
  command->footer("Example:\n  nicsentry rules flush -i eth0");
}

}  // namespace nicsentry
