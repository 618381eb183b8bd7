// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_import.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/cli/command_parts.h"
#include "host/cli/log.h"
#include "host/cli/rules_file.h"
#include "host/rules/import/import.h"
#include "host/rules/language/ruleset_text.h"

namespace nicsentry {
namespace {

struct ImportOptions {
  std::vector<std::string> files;
};

int print_imported(const ImportOptions& options) {
  std::vector<std::string> texts;
  for (const std::string& path : options.files) {
    texts.push_back(text_of_file(path));
  }
  const ImportedRules imported = import_rules(texts);
  std::fputs(ruleset_text(imported.ruleset).c_str(), stdout);
  for (const std::string& line : imported.left_out) {
    std::fprintf(stderr, "left out: %s\n", line.c_str());
  }
  return imported.left_out.empty() ? kExitSuccess : kExitFailure;
}

// As `rules diff`: a failure is no result.
int import_files(const ImportOptions& options) {
  set_up_log(false);
  try {
    return print_imported(options);
  } catch (const Error& error) {
    log_error(error.what());
    return kExitNotCompared;
  }
}

}  // namespace

void add_import_command(CLI::App& rules, Action& chosen) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command = add_part(rules, "import", "print rules of nft or iptables as a ruleset; nothing is put in force",
                               options, import_files, chosen);
  command
      ->add_option("FILE", options->files,
                   "the output of 'nft -j list ruleset', iptables-save or ip6tables-save; '-': standard input")
      ->required();
  command->footer(
      "What no rule says is named on standard error; exit status 1 if there is any.\n"
      "Examples:\n"
      "  nft -j list ruleset | nicsentry rules import - > rules.json\n"
      "  nicsentry rules import rules.v4 rules.v6 > rules.json");
}

}  // namespace nicsentry
