// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include "host/cli/change_options.h"
#include "host/cli/commands.h"
#include "host/cli/controller_option.h"
#include "host/cli/lifetime_option.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/set_call.h"
#include "host/rules/language/address_text.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {
namespace {

struct BlockOptions {
  std::string interface;
  std::vector<std::string> entries;
  std::string lifetime;
  ChangeOptions change;
};

int block(const BlockOptions& options) {
  set_up_log(false);
  return add_to_set(options.interface, kBlockedSet, options.entries, options.lifetime, options.change);
}

int unblock(const BlockOptions& options) {
  set_up_log(false);
  return take_from_set(options.interface, kBlockedSet, options.entries, options.change);
}

CLI::App* add_command(CLI::App& app, const char* name, const char* what, BlockOptions& options) {
  CLI::App* command = app.add_subcommand(name, what);
  add_values(*command, "ADDRESS", options.entries, "addresses, prefixes or ranges", parse_address_range)->required();
  add_change_options(*command, options.change);
  add_controller_option(*command, options.interface);
  return command;
}

}  // namespace

void add_block_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<BlockOptions>();
  CLI::App* command = add_command(app, "block", "drop all from these addresses, before anything else", *options);
  add_lifetime_option(*command, options->lifetime);
  command->footer(
      "What is blocked: nicsentry sets list blocked\n"
      "Example:\n  nicsentry block 203.0.113.7 2001:db8:bad::/48 --for 10m -i eth0");
  command->callback([options, &chosen] { chosen = [options] { return block(*options); }; });

  CLI::App* off = add_command(app, "unblock", "let these addresses through again", *options);
  off->footer("Example:\n  nicsentry unblock 203.0.113.7 -i eth0");
  off->callback([options, &chosen] { chosen = [options] { return unblock(*options); }; });
}

}  // namespace nicsentry
