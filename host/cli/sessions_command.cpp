// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

#include "host/api/client/controller.h"
#include "host/cli/commands.h"
#include "host/cli/live_options.h"
#include "host/cli/log.h"
#include "host/cli/number_of.h"
#include "host/export/files/table.h"

namespace nicsentry {
namespace {

// 0 where standard output is no terminal.
unsigned columns_of_terminal() {
  winsize size{};
  return isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string title(const SessionsAnswer& answer, const SessionsQuery& query) {
  constexpr double kNsPerSecond = 1e9;
  std::string text = "window " + std::to_string(answer.window) + ", open for ";
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(),
                "%.3f s: ", static_cast<double>(answer.time_ns - answer.start_ns) / kNsPerSecond);
  text += seconds.data() + number_of(answer.sums.sessions, "session", "sessions");
  if (!query.by.empty()) {
    text += " of " + std::to_string(answer.total) + " " + grouping_name(parse_grouping(query.by), answer.total);
  }
  return text + ", " + table_rate_text(answer.sums.rate.packets_per_second) + " packets/s, " +
         table_rate_text(answer.sums.rate.bits_per_second) + " bits/s";
}

int show_sessions(const LiveOptions& options) {
  set_up_log(false);
  const SessionsAnswer answer = Controller::of_port(options.interface).sessions(options.query);
  if (options.json) {
    std::printf("%s\n", printed_json(encode(answer), 2).c_str());
    return kExitSuccess;
  }
  std::printf("%s\n", title(answer, options.query).c_str());
  for (const std::string& line : live_table(answer, options.query, columns_of_terminal())) {
    std::printf("%s\n", line.c_str());
  }
  const std::size_t shown = answer.sessions.size() + answer.groups.size();
  if (answer.total > shown) {
    std::printf("(%llu more)\n", static_cast<unsigned long long>(answer.total - shown));
  }
  return kExitSuccess;
}

}  // namespace

void add_sessions_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<LiveOptions>();
  CLI::App* command = app.add_subcommand("sessions", "what runs now: the sessions of the open window so far");
  add_live_options(*command, *options);
  command->add_flag("--json", options->json, "print JSON");
  command->footer(
      "Examples:\n  nicsentry sessions --sort bits\n"
      "  nicsentry sessions --by src --filter 'tcp port 443' --limit 5");
  command->callback([options, &chosen] {
    check_live_options(*options);
    chosen = [options] { return show_sessions(*options); };
  });
}

}  // namespace nicsentry
