// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/cli/change_options.h"
#include "host/cli/commands.h"
#include "host/cli/controller_option.h"
#include "host/cli/list_file.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/set_call.h"
#include "host/cli/value_types.h"
#include "host/rules/language/address_text.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {
namespace {

struct BlockOptions {
  std::string interface;
  std::vector<std::string> entries;
  ListFile file;
  bool all = false;
  AddingOptions adding;
  ChangeOptions change;
};

// The entries of --file; none without it.
std::vector<RequestedEntry> listed_entries(const ListFile& file) {
  if (file.path.empty()) {
    return {};
  }
  std::vector<RequestedEntry> listed = read_list_file(file);
  if (listed.empty()) {
    throw Error("list of addresses '" + file.path + "': it has no address");
  }
  return listed;
}

int block(const BlockOptions& options) {
  set_up_log(false);
  std::vector<RequestedEntry> entries = requested_entries(options.entries);
  const std::vector<RequestedEntry> listed = listed_entries(options.file);
  entries.insert(entries.end(), listed.begin(), listed.end());
  return add_to_set(options.interface, kBlockedSet, std::move(entries), options.adding, options.change);
}

int unblock(const BlockOptions& options) {
  set_up_log(false);
  if (options.all) {
    return empty_set(options.interface, kBlockedSet, options.change);
  }
  std::vector<AddressRange> ranges = ranges_of(options.entries);
  for (const RequestedEntry& entry : listed_entries(options.file)) {
    ranges.push_back(entry.range);
  }
  return take_from_set(options.interface, kBlockedSet, std::move(ranges), options.change);
}

CLI::App* add_command(CLI::App& app, const char* name, const char* what, const char* what_of_file,
                      BlockOptions& options) {
  CLI::App* command = app.add_subcommand(name, what);
  add_values(*command, "ADDRESS", options.entries, "addresses, prefixes or ranges", parse_address_range);
  command->add_option("--file", options.file.path, what_of_file);
  add_skip_invalid_option(*command, options.file);
  add_change_options(*command, options.change);
  add_change_json(*command, options.change);
  add_controller_option(*command, options.interface);
  return command;
}

}  // namespace

void add_block_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<BlockOptions>();
  CLI::App* command = add_command(app, "block", "drop all from these addresses, before anything else",
                                  "block a list of addresses, as 'sets load' reads it; '-': standard input", *options);
  add_adding_options(*command, options->adding);
  command->footer(
      "What is blocked: nicsentry sets list blocked\n"
      "Example:\n  nicsentry block 203.0.113.7 2001:db8:bad::/48 --for 10m -i eth0\n"
      "  nicsentry block --file drop.netset -i eth0");
  command->callback([options, &chosen] {
    if (options->entries.empty() && options->file.path.empty()) {
      throw CLI::ValidationError("ADDRESS: give addresses, or --file FILE");
    }
    chosen = [options] { return block(*options); };
  });

  CLI::App* off = add_command(app, "unblock", "let these addresses through again",
                              "unblock a list of addresses, as 'block --file' reads it", *options);
  off->get_option("ADDRESS")->type_name(kEntryType);
  off->add_flag("--all", options->all, "every address that is blocked");
  off->footer(
      "Examples:\n  nicsentry unblock 203.0.113.7 -i eth0\n  nicsentry unblock --all -i eth0\n"
      "  nicsentry unblock --file drop.netset -i eth0");
  off->callback([options, &chosen] {
    const bool some = !options->entries.empty() || !options->file.path.empty();
    if (some == options->all) {
      throw CLI::ValidationError("ADDRESS: give addresses, --file FILE, or --all");
    }
    chosen = [options] { return unblock(*options); };
  });
}

}  // namespace nicsentry
