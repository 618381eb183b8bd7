// SPDX-License-Identifier: GPL-2.0-or-later
#include <chrono>
#include <memory>
#include <string>

#include "host/base/error.h"
#include "host/cli/change_options.h"
#include "host/cli/commands.h"
#include "host/cli/controller_option.h"
#include "host/cli/duration.h"
#include "host/cli/lifetime_option.h"
#include "host/cli/option_checks.h"
#include "host/cli/service_signals.h"
#include "host/filter/session_filter.h"
#include "host/report/session_groups.h"
#include "host/report/table_order.h"
#include "host/top/top.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kLeastEvery{100};

struct TopCommandOptions {
  std::string interface;
  std::string every = "1s";
  std::string filter;
  std::string by;
  std::string sort = "rate";
  bool reverse = false;
  std::string lifetime;
};

int show_top(const TopCommandOptions& options) {
  block_service_signals();
  top::TopOptions shown;
  shown.interface = options.interface;
  shown.every = std::chrono::duration_cast<std::chrono::milliseconds>(parse_duration(options.every, kLeastEvery));
  shown.question.filter = options.filter;
  shown.question.by = options.by;
  shown.question.sort = options.sort;
  shown.question.reversed = options.reverse;
  shown.lifetime = options.lifetime.empty() ? "" : lifetime_with_unit(options.lifetime);
  shown.block_for = chosen_lifetime(options.lifetime);
  shown.terms = change_query({});
  top::run_top(shown);
  return kExitSuccess;
}

void check_order(const TopCommandOptions& options) {
  const auto in_table = [&options](const std::string& word) { parse_table_order(word, !options.by.empty()); };
  if (const std::string wrong = understood_by(in_table)(options.sort); !wrong.empty()) {
    throw CLI::ValidationError("--sort", wrong);
  }
}

}  // namespace

void add_top_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<TopCommandOptions>();
  CLI::App* command = app.add_subcommand("top", "watch a run in the terminal, with keys to sort, filter and block");
  add_controller_option(*command, options->interface);
  command->add_option("--every", options->every, "time between two readings: 1s, 500ms")
      ->check(understood_by([](const std::string& text) { parse_duration(text, kLeastEvery); }))
      ->capture_default_str();
  command
      ->add_option("--filter", options->filter,
                   "show only sessions that match, as in pcap-filter(7); src is the client, dst the server")
      ->check(understood_by([](const std::string& text) { SessionFilter filter(text); }));
  command->add_option("--by", options->by, "sum up by what sessions have in common; src/24 or dst/24/64: by prefixes")
      ->check(words_understood_by(parse_grouping, {"src", "dst", "dport", "proto"}));
  command->add_option("--sort", options->sort, "order of the rows, as 'run --sort' takes it")->capture_default_str();
  command->add_flag("--reverse", options->reverse, "the lowest first");
  command
      ->add_option("--for", options->lifetime,
                   "how long the key 'b' blocks: 10m, 1h; a number alone: seconds (default: until unblocked)")
      ->check(understood_by(lifetime_option));
  command->footer(
      "The key ? shows all keys. In place of a terminal: nicsentry watch --json\n"
      "Examples:\n  nicsentry top -i eth0\n  nicsentry top -i eth0 --by src --sort bits --for 10m\n"
      "  nicsentry top --filter 'tcp dst port 443'");
  command->callback([options, &chosen] {
    check_order(*options);
    chosen = [options] { return show_top(*options); };
  });
}

}  // namespace nicsentry
