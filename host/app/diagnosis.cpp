// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/diagnosis.h"

#include <sys/utsname.h>

#include <array>

#include "host/base/error.h"
#include "host/datapath/card.h"
#include "host/datapath/event_reader.h"
#include "host/datapath/interface.h"
#include "host/datapath/object_file.h"
#include "host/datapath/program.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_programs.h"
#include "host/ports/port_status.h"

namespace nicsentry {
namespace {

constexpr TableSize kSmall{16, 4};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Runs a check whose success is that it does not throw.
template <typename Act>
bool check(Diagnosis& diagnosis, const std::string& subject, Act act) {
  try {
    diagnosis.checks.push_back({subject, true, act()});
    return true;
  } catch (const Error& error) {
    diagnosis.checks.push_back({subject, false, first_line(error.what())});
    return false;
  }
}

void check_kernel(Diagnosis& diagnosis) {
  utsname name{};
  uname(&name);
  diagnosis.checks.push_back({"kernel", true, std::string(name.sysname) + " " + name.release});
  for (const Hook hook : {Hook::xdp, Hook::tc_ingress}) {
    const Mode mode = hook == Hook::xdp ? Mode::drv : Mode::tc;
    const bool fine = check(diagnosis, hook == Hook::xdp ? "XDP program" : "TC program", [&] {
      const auto object = find_object(kSentry, target_of(mode));
      Program program = Program::load({.object = object, .mode = mode, .size = kSmall});
      const EventReader reader(program.maps().records_fd());
      return "loads, events can be read (" + object.string() + ")";
    });
    diagnosis.can_run = diagnosis.can_run && fine;
  }
}

std::string describe_port(const Interface& port) {
  std::string text = !port.up ? "down" : port.carrier ? "up" : "up, no carrier";
  text += ", MTU " + std::to_string(port.mtu) + ", driver " + (port.driver.empty() ? "none" : port.driver);
  if (!port.firmware.empty()) {
    text += ", firmware " + port.firmware;
  }
  for (const AttachmentStatus& attachment : port_status(port)) {
    text += "; " + std::string(hook_name(attachment.hook)) + " (" + mode_name(attachment.mode) + "): '" +
            attachment.program.name + "'";
  }
  return text;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::string describe_card(const Interface& port) {
  const CardCapabilities card = ask_card(port);
  return "firmware has " + list(card.offered) + (card.missing.empty() ? "" : "; has not " + list(card.missing)) +
         "; room for " + std::to_string(card.elements_left) + " more map elements";
}

// Whether the card of a port takes the program, by offering it.
std::string try_card(const Interface& port) {
  require_card(port);
  try {
    Program::load({.object = find_object(kSentry, Target::card), .mode = Mode::hw, .size = kSmall, .port = port});
  } catch (const Error& error) {
    throw Error(card_refusal(error.what()));
  }
  return "the card takes the program";
}

}  // namespace

Diagnosis diagnose(const std::vector<std::string>& interfaces) {
  std::vector<Interface> ports;
  ports.reserve(interfaces.size());
  for (const std::string& name : interfaces) {
    ports.push_back(find_port(name));
  }
  if (interfaces.empty()) {
    ports = list_interfaces();
  }
  Diagnosis diagnosis;
  check_kernel(diagnosis);
  for (const Interface& port : ports) {
    if (port.link == LinkHeader::other) {
      diagnosis.checks.push_back({port.name, false, unread_link(port)});
      continue;
    }
    check(diagnosis, port.name, [&port] { return describe_port(port); });
    if (port.link == LinkHeader::none) {
      diagnosis.checks.push_back({port.name + " mode tc", true,
                                  "the one for link type " + link_type_text(port.link_type) +
                                      ": its packets have no Ethernet header, which XDP programs read"});
      continue;
    }
    check(diagnosis, port.name + " mode hw", [&port] { return try_card(port); });
    if (port.driver == kCardDriver) {
      check(diagnosis, port.name + " card", [&port] { return describe_card(port); });
    }
  }
  return diagnosis;
}

}  // namespace nicsentry
