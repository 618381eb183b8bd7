// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/ports_setup.h"

#include <algorithm>
#include <optional>
#include <string>

#include "host/ports/other_namespaces.h"
#include "host/ports/program_choice.h"

namespace nicsentry {
namespace {

std::string new_name_text(const std::string& former, const std::string& name) {
  return former + " was renamed to " + name + ", and is called so from now on";
}

}  // namespace

Ports open_ports(const DaemonOptions& options, Firewall* firewall) {
  PortOptions port_options = options.port;
  UniqueFd notes;  // while programs are loaded, which keep it
  if (options.dedup) {
    notes = make_notes();
    port_options.notes = notes.get();
  }
  if (firewall != nullptr) {
    port_options.firewall = {
        FirewallSize{},
        [firewall](const Program& program, Hook hook, const std::string& attachment, const ProgramInfo* former) {
          const bool enforcing = former != nullptr && former->enforces;
          firewall->add_attachment(program.shared_firewall(), chain_of(hook),
                                   enforcing ? Firewall::Place::of_enforcing : Firewall::Place::own, attachment);
        },
        [firewall] { return firewall->expectations_fd(); }};
  }
  for (const std::string& interface : options.interfaces) {
    find_port(interface);  // before any port is claimed
  }
  Ports ports;
  for (const std::string& interface : options.interfaces) {
    ports.push_back(std::make_unique<Port>(interface, port_options, Owner::run));
  }
  std::vector<const FirewallMaps*> kept;
  for (const auto& port : ports) {
    port->open();
    for (const auto& opened : port->programs()) {
      kept.push_back(opened.program.firewall());
    }
  }
  if (firewall != nullptr) {
    firewall->keep_attachments(kept);  // without the programs of modes that did not work
  }
  return ports;
}

void rename_ports(const PortNames& names, const Ports& ports,
                  const std::vector<std::unique_ptr<Attachment>>& attachments, Firewall* firewall,
                  const Messages& messages) {
  for (const auto& [former, name] : names) {
    messages.warning(new_name_text(former, name));
  }
  for (const auto& port : ports) {
    if (const auto found = names.find(port->interface().name); found != names.end()) {
      port->rename(found->second);
    }
  }
  for (const auto& attachment : attachments) {
    if (const auto found = names.find(attachment->name().interface); found != names.end()) {
      attachment->rename_interface(found->second);
    }
  }
  if (firewall != nullptr) {
    firewall->rename_ports(names);
  }
}

Profile common_profile(const Ports& ports) {
  std::optional<Profile> common;
  for (const auto& port : ports) {
    for (const auto& opened : port->programs()) {
      const Profile profile = profile_of(opened.program.spec());
      common = !common || common == Profile::all ? profile : common;
    }
  }
  return common.value_or(Profile::all);
}

bool any_on_card(const Ports& ports) {
  return std::any_of(ports.begin(), ports.end(), [](const auto& port) {
    return std::any_of(port->programs().begin(), port->programs().end(),
                       [](const auto& opened) { return opened.record.mode == Mode::hw; });
  });
}

}  // namespace nicsentry
