// SPDX-License-Identifier: GPL-2.0-or-later
#include <chrono>
#include <cstdio>
#include <memory>

#include "host/api/client/controller.h"
#include "host/base/error.h"
#include "host/base/text_table.h"
#include "host/cli/change_options.h"
#include "host/cli/command_parts.h"
#include "host/cli/commands.h"
#include "host/cli/controller_option.h"
#include "host/cli/list_file.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/set_call.h"
#include "host/cli/value_types.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/lifetime.h"

namespace nicsentry {
namespace {

struct SetsOptions {
  std::string interface;
  std::string name;
  std::vector<std::string> entries;
  AddingOptions adding;
  ListFile file;
  bool allow_empty = false;
  bool json = false;
  bool stats = false;
  ChangeOptions change;
};

void print_sets(const SetsAnswer& answer) {
  TextTable table({{"SET"}, {"ENTRIES", true}, {"RULES", true}});
  for (const ListedSet& set : answer.sets) {
    table.add({set.name, std::to_string(set.entries), std::to_string(set.used_by_rules)});
  }
  std::fputs(table.text().c_str(), stdout);
}

std::string number_text(const std::optional<Hits>& hits, std::uint64_t Hits::*number) {
  return hits ? std::to_string(*hits.*number) : "-";
}

void print_set_hits(const SetsAnswer& answer) {
  TextTable table({{"PACKETS", true}, {"BYTES", true}, {"SET"}, {"ENTRIES", true}, {"RULES", true}});
  for (const ListedSet& set : answer.sets) {
    table.add({number_text(set.hits, &Hits::packets), number_text(set.hits, &Hits::bytes), set.name,
               std::to_string(set.entries), std::to_string(set.used_by_rules)});
  }
  std::fputs(table.text().c_str(), stdout);
}

void print_entry_hits(const SetEntriesAnswer& answer) {
  TextTable table({{"PACKETS", true}, {"BYTES", true}, {"ENTRY"}});
  for (const ListedEntry& entry : answer.entries) {
    table.add({number_text(entry.hits, &Hits::packets), number_text(entry.hits, &Hits::bytes), entry.range.text()});
  }
  std::fputs(table.text().c_str(), stdout);
}

// As `sets load` reads it again.
void print_entries(const SetEntriesAnswer& answer) {
  for (const ListedEntry& entry : answer.entries) {
    std::fputs(entry.range.text().c_str(), stdout);
    if (entry.expires_s) {
      const std::chrono::duration<double> seconds(*entry.expires_s);
      std::printf("  # for %s more",
                  lifetime_text(std::chrono::duration_cast<std::chrono::nanoseconds>(seconds)).c_str());
    }
    std::putchar('\n');
  }
}

template <typename Answer>
void show(const SetsOptions& options, const Answer& answer, void (*print)(const Answer&)) {
  if (options.json) {
    std::printf("%s\n", printed_json(encode(answer), 2).c_str());
  } else {
    print(answer);
  }
}

int list(const SetsOptions& options) {
  set_up_log(false);
  const Controller controller = Controller::of_port(options.interface);
  if (options.name.empty()) {
    show(options, controller.sets(options.stats), options.stats ? print_set_hits : print_sets);
  } else {
    const SetEntriesAnswer answer = controller.entries(options.name, options.stats);
    show(options, answer, options.stats ? print_entry_hits : print_entries);
    if (answer.entries.empty() && !options.json) {
      log_info("the set '" + options.name + "' is empty");  // not on standard output, which `sets load` reads again
    }
  }
  return kExitSuccess;
}

int add(const SetsOptions& options) {
  set_up_log(false);
  return add_to_set(options.interface, options.name, requested_entries(options.entries), options.adding,
                    options.change);
}

int remove(const SetsOptions& options) {
  set_up_log(false);
  if (!options.entries.empty()) {
    return take_from_set(options.interface, options.name, ranges_of(options.entries), options.change);
  }
  if (!options.change.confirm.empty()) {
    throw Error("--confirm: a set is removed for good; give entries, or leave --confirm out");
  }
  const EnforcedAnswer answer = Controller::of_port(options.interface).remove_set(options.name);
  return report_change(options.change, encode(answer), answer.enforced, {Chain::ingress, Chain::egress},
                       [&] { std::printf("%s: removed\n", options.name.c_str()); });
}

int load(const SetsOptions& options) {
  set_up_log(false);
  // Before a controller is looked for.
  const SetReplacementRequest request{read_list_file(options.file), std::nullopt, options.allow_empty};
  return report_replaced(
      options.name,
      Controller::of_port(options.interface).replace_set(options.name, request, change_query(options.change)),
      options.change);
}

CLI::Option* add_name(CLI::App& command, SetsOptions& options) {
  return command.add_option("NAME", options.name, "the set, in rules \"@NAME\"")
      ->type_name(kSetType)
      ->check(understood_by(check_set_name));
}

CLI::Option* add_entries(CLI::App& command, SetsOptions& options, const char* what) {
  return add_values(command, "ENTRY", options.entries, what, parse_address_range);
}

}  // namespace

void add_sets_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<SetsOptions>();
  CLI::App* sets = app.add_subcommand("sets", "lists of addresses that rules share");
  sets->require_subcommand(1);
  sets->footer(
      "Examples:\n  nicsentry sets list -i eth0\n  nicsentry sets list blocked --stats -i eth0\n  nicsentry sets add "
      "scanners 198.51.100.0/24 --for 1h -i eth0\n"
      "  nicsentry sets load botnet botnet.netset -i eth0");

  const auto add_set_part = [&chosen, options, sets](const char* name, const char* what,
                                                     int (*perform)(const SetsOptions&)) {
    CLI::App* part = add_part(*sets, name, what, options, perform, chosen);
    add_controller_option(*part, options->interface);
    return part;
  };

  CLI::App* command = add_set_part("list", "all sets, or the entries of one", list);
  add_name(*command, *options);
  command->add_flag("--stats", options->stats, "with packets and bytes of each entry (run --count-hits)");
  command->add_flag("--json", options->json, "print JSON");

  command = add_set_part("add", "add entries; creates the set if it is missing", add);
  add_name(*command, *options)->required();
  add_entries(*command, *options, "addresses, prefixes or ranges")->required();
  add_adding_options(*command, options->adding);
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);

  command = add_set_part("remove", "remove entries, or without any the set", remove);
  add_name(*command, *options)->required();
  add_entries(*command, *options, "entries as they were added (default: the set itself)")->type_name(kEntryType);
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);

  command = add_set_part("load", "replace the content of a set by that of a file", load);
  add_name(*command, *options)->required();
  command
      ->add_option(
          "FILE", options->file.path,
          "an entry a line, comments from '#' or ';' on; ipset save, P2P, DShield, Spamhaus; '-': standard input")
      ->required();
  add_skip_invalid_option(*command, options->file);
  command->add_flag("--allow-empty", options->allow_empty, "also where this empties a set that packets are judged by");
  add_change_options(*command, options->change);
  add_change_json(*command, options->change);
}

}  // namespace nicsentry
