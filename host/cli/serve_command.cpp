// SPDX-License-Identifier: GPL-2.0-or-later
#include <pwd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/app/polycube_service.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/cli/commands.h"
#include "host/cli/listen_address.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/port_options.h"
#include "host/cli/service_signals.h"

namespace nicsentry {
namespace {

struct ServeOptions {
  std::string polycube;
  std::vector<std::string> users;
  bool insecure = false;
  bool yes = false;
  bool quiet = false;
  std::string log_format = "auto";
};

// A name, or a number.
uid_t parse_user(const std::string& text) {
  if (const passwd* user = getpwnam(text.c_str()); user != nullptr) {
    return user->pw_uid;
  }
  const auto id = parse_number<uid_t>(text);
  if (!id) {
    throw BadRequest("there is no user " + text);
  }
  return *id;
}

int serve(const ServeOptions& options) {
  set_up_log({options.quiet, parse_log_format(options.log_format)});
  PolycubeServiceOptions service;
  service.access.address = parse_listen_address(options.polycube);
  service.access.insecure = options.insecure;
  service.guard = options.yes ? polycube::ChangeGuard::off : polycube::ChangeGuard::on;
  for (const std::string& user : options.users) {
    service.access.users.insert(parse_user(user));
  }
  block_service_signals();
  const LogQueue queue;
  run_polycube_service(service, log_messages(), log_packet);
  return kExitSuccess;
}

}  // namespace

void add_serve_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "answer the clients of Polycube's REST API: monitors and firewalls");
  command->add_option("--polycube", options->polycube, "ADDRESS:PORT to listen at, as 127.0.0.1:9000")
      ->required()
      ->check(understood_by(parse_listen_address));
  command->add_option("--allow-user", options->users, "user whose programs may ask, besides root's; may be repeated")
      ->check(understood_by(parse_user));
  command->add_flag("--insecure", options->insecure,
                    "also listen beyond the loopback interface; whoever reaches the port then rules this host");
  command->add_flag("--yes", options->yes, "take rules also if they cut off what this host depends on");
  command->add_flag("-q,--quiet", options->quiet, "only warnings, errors and logged packets");
  add_log_format_option(*command, options->log_format);
  command->footer(
      "Examples:\n"
      "  nicsentry serve --polycube 127.0.0.1:9000\n"
      "  nicsentry serve --polycube 127.0.0.1:9000 --allow-user monitoring");
  command->callback([options, &chosen] { chosen = [options] { return serve(*options); }; });
}

}  // namespace nicsentry
