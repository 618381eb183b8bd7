// SPDX-License-Identifier: GPL-2.0-or-later
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/error.h"
#include "host/cli/command_tree.h"
#include "host/cli/commands.h"
#include "host/cli/line_reading.h"
#include "host/cli/version_options.h"

namespace {

// Output may be a list that somebody loads again: cut short it must not look whole.
void flush_output() {
  const bool failed_before = std::ferror(stdout) != 0;  // which left its reason nowhere
  if (std::fflush(stdout) != 0 || failed_before) {
    throw nicsentry::SystemError(failed_before ? EIO : errno, "writing to standard output");
  }
}

// CLI11's words, but for a flag with a value: there they are its own.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  constexpr std::string_view kValueOfFlag = " was given a disallowed flag override";
  std::string text = CLI::FailureMessage::simple(&app, error);
  if (const std::size_t at = text.find(kValueOfFlag); at != std::string::npos) {
    text = "--" + text.replace(at, kValueOfFlag.size(), " takes no value");
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace nicsentry;
  CLI::App app{"nicsentry: traffic analyser and firewall on the network card", "nicsentry"};
  add_version_options(app);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.option_defaults()->disable_flag_override();  // of all commands: no --flag=VALUE
  Action chosen;
  add_run_command(app, chosen);
  add_config_commands(app, chosen);
  add_serve_command(app, chosen);
  add_replay_command(app, chosen);
  add_attach_commands(app, chosen);
  add_up_commands(app, chosen);
  add_status_command(app, chosen);
  add_extract_command(app, chosen);
  add_doctor_command(app, chosen);
  add_rules_commands(app, chosen);
  add_sets_commands(app, chosen);
  add_block_commands(app, chosen);
  add_connections_command(app, chosen);
  add_sessions_command(app, chosen);
  add_watch_command(app, chosen);
  add_programs_commands(app, chosen);
  add_help_command(app, chosen);
  add_complete_command(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    app.exit(help_or_version);
    chosen = [] { return kExitSuccess; };
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    auto wrong = unknown_word_error(app, words);
    if (!wrong) {
      wrong = stray_word_error(app, words);
    }
    if (wrong) {
      std::fprintf(stderr, "nicsentry: error: %s\n", wrong->c_str());
    } else {
      std::fprintf(stderr, "nicsentry: error: %s", usage_error(app, error).c_str());
    }
    return kExitUsage;
  }
  try {
    const int status = chosen();
    flush_output();
    return status;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nicsentry: error: %s\n", error.what());
    return kExitFailure;
  }
}
