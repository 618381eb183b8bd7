// SPDX-License-Identifier: GPL-2.0-or-later
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <span>
#include <string>

#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/version_options.h"

namespace {

// The first word that is no command where one has to stand; empty: there is none.
std::string unknown_command(const CLI::App& app, std::span<char*> words) {
  const CLI::App* level = &app;
  for (const std::string word : words) {
    const auto commands = level->get_subcommands([](const CLI::App*) { return true; });
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&word](const CLI::App* command) { return command->get_name() == word; });
    if (found == commands.end()) {
      return word.starts_with('-') || commands.empty() ? "" : word;
    }
    level = *found;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace nicsentry;
  CLI::App app{"nicsentry: traffic analyser and firewall on the network card", "nicsentry"};
  add_version_options(app);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Action chosen;
  add_run_command(app, chosen);
  add_serve_command(app, chosen);
  add_replay_command(app, chosen);
  add_attach_commands(app, chosen);
  add_status_command(app, chosen);
  add_extract_command(app, chosen);
  add_doctor_command(app, chosen);
  add_rules_commands(app, chosen);
  add_sets_commands(app, chosen);
  add_block_commands(app, chosen);
  add_connections_command(app, chosen);
  add_programs_commands(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    const std::string unknown = unknown_command(app, std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
    if (unknown.empty()) {
      app.exit(error);
    } else {
      std::fprintf(stderr, "nicsentry: error: unknown command '%s'; nicsentry --help lists them\n", unknown.c_str());
    }
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitSuccess : kExitUsage;
  }
  try {
    return chosen();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nicsentry: error: %s\n", error.what());
    return kExitFailure;
  }
}
