// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <memory>

#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/port_options.h"
#include "host/ports/port.h"
#include "host/ports/port_status.h"

namespace nicsentry {
namespace {

struct AttachOptions {
  std::string interface;
  std::string mode = "auto";
  std::string direction = "ingress";
  std::string profile;
  std::optional<std::uint32_t> sessions;
  bool firewall = false;
  bool dispatcher = false;
};

// Nothing is to be in force before a run drives the programs. Those on the host share one map of answers.
PortOptions::FirewallOptions idle_firewall() {
  auto answers = std::make_shared<std::shared_ptr<FirewallMaps>>();
  return {FirewallSize{},
          [answers](const Program& program, Hook, const std::string&, const ProgramInfo*) {
            *answers = program.shared_firewall();
          },
          [answers] { return *answers != nullptr ? (*answers)->expectations_fd() : std::nullopt; }};
}

int attach(const AttachOptions& options) {
  set_up_log(false);
  PortOptions port_options;
  port_options.mode = chosen_mode(options.mode);
  port_options.both_directions = options.direction == "both";
  port_options.dispatcher = options.dispatcher;
  if (!options.profile.empty()) {
    port_options.profile = parse_profile(options.profile);
  }
  port_options.sessions = options.sessions;
  if (options.firewall) {
    port_options.firewall = idle_firewall();
  }
  Port port(options.interface, port_options, Owner::attach);
  port.open();
  for (const auto& opened : port.programs()) {
    if (opened.adopted) {
      throw Error("EEXIST: " + options.interface + " has a program of nicsentry already: '" +
                  describe_program(opened.program.id()).name + "'; drive it with: nicsentry run -i " +
                  options.interface + "; take it off with: nicsentry detach -i " + options.interface);
    }
  }
  port.restore();
  log_info(port.how());
  if (!port.caution().empty()) {
    log_warning(port.caution());
  }
  return kExitSuccess;
}

int detach(const AttachOptions& options) {
  set_up_log(false);
  const auto mode = chosen_mode(options.mode);
  log_info(detach_port(options.interface, mode));
  return kExitSuccess;
}

}  // namespace

void add_attach_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<AttachOptions>();
  CLI::App* command =
      app.add_subcommand("attach", "leave a program on a port; it passes and counts until run drives it");
  command->add_option("-i,--interface", options->interface, "port")->required();
  add_mode_option(*command, options->mode);
  add_direction_option(*command, options->direction);
  add_dispatcher_option(*command, options->dispatcher);
  add_profile_option(*command, options->profile);
  command->add_option("--sessions", options->sessions, "sessions that the maps hold (default 65536)")
      ->check(whole_number(1, UINT32_MAX));
  command->add_flag("--firewall", options->firewall,
                    "with room for rules, which stay in force when the run that sets them ends");
  command->footer(
      "Examples:\n"
      "  nicsentry attach -i eth0 --mode drv --profile ddos\n"
      "  nicsentry attach -i eth0 --direction both --firewall\n"
      "  nicsentry run -i eth0 --direction both --state /var/lib/nicsentry");
  command->callback([options, &chosen] { chosen = [options] { return attach(*options); }; });

  CLI::App* off = app.add_subcommand("detach", "remove nicsentry's programs from a port");
  off->add_option("-i,--interface", options->interface, "port")->required();
  add_only_mode_option(*off, options->mode);
  off->footer("Example:\n  nicsentry detach -i eth0");
  off->callback([options, &chosen] { chosen = [options] { return detach(*options); }; });
}

}  // namespace nicsentry
