// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>

#include "host/cli/command_parts.h"
#include "host/cli/commands.h"
#include "host/cli/lint_report.h"
#include "host/cli/programs_check.h"
#include "host/cli/programs_load.h"
#include "host/cli/programs_read.h"
#include "host/programs/lint/lint.h"

namespace nicsentry {
namespace {

// `programs lint` has exit statuses of its own: 2 is also what an invalid command line gives.
constexpr int kExitCannotTell = 2;

struct ProgramsCommandOptions {
  lint::LintRequest lint;
  bool json = false;
};

int lint_object(const ProgramsCommandOptions& options) {
  const std::string object = options.lint.object.string();
  const lint::LintReport report = lint::lint(options.lint);
  if (options.json) {
    std::printf("%s\n",
                lint_json(report, object).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    std::fputs(lint_text(report, object).c_str(), stdout);
  }
  switch (report.verdict) {
    case lint::Verdict::taken:
      return kExitSuccess;
    case lint::Verdict::refused:
      return kExitFailure;
    default:
      return kExitCannotTell;
  }
}

}  // namespace

void add_programs_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ProgramsCommandOptions>();
  CLI::App* command = app.add_subcommand("programs", "programs of your own");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n"
      "  nicsentry programs check monitor.json\n"
      "  nicsentry programs lint counter.o\n"
      "  nicsentry programs load -i eth0 monitor.json");
  add_programs_check(*command, chosen);
  add_programs_format(*command, chosen);
  add_programs_load(*command, chosen);
  add_programs_loaded(*command, chosen);
  add_programs_read(*command, chosen);
  CLI::App* part = add_part(*command, "lint", "say whether a card takes a program, and if not, what to write instead",
                            options, lint_object, chosen);
  part->add_option("OBJECT", options->lint.object, "compiled program (clang -target bpf -g -O2 -mcpu=v3 -c)")
      ->required();
  part->add_option("--section", options->lint.section, "section of the program")->capture_default_str();
  part->add_option("--firmware", options->lint.firmware, "agilio-bpf, corenic, nic, or a file that ends in .conf")
      ->capture_default_str();
  part->add_option("--mtu", options->lint.mtu, "MTU of the port")->capture_default_str();
  part->add_flag("!--no-kernel", options->lint.ask_kernel, "do not ask the verifier of the running kernel");
  part->add_flag("--json", options->json, "print JSON");
  part->footer(
      "Exit status: 0 the card takes it, 1 it refuses it or something failed, 2 the lint cannot tell.\n"
      "Example:\n"
      "  nicsentry programs lint counter.o --firmware corenic");
}

}  // namespace nicsentry
