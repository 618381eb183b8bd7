// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/datapath/interface.h"
#include "host/datapath/mode.h"
#include "host/datapath/program.h"
#include "host/report/window_report.h"

namespace nicsentry {

// One program on a port's hook, of ours or not.
struct AttachmentStatus {
  std::string interface;
  Hook hook = Hook::xdp;
  Mode mode = Mode::drv;
  ProgramInfo program;
  std::uint32_t dispatcher = 0;  // the program of the hook that calls it in place of a function of its own; 0: none
  std::string attached_by;       // "run", "attach", "hand"; "another program" where it is not ours
  int controller_pid = 0;        // 0: none drives it
  int starting_pid = 0;          // the process that has the port and is just starting or ending; 0: none
  std::string elsewhere;         // runtime directory of the controller, where it is not this process's
  int beside_pid = 0;            // the run that drives other programs of ours on the port, not this one; 0: none
  std::string how_to_detach;     // the command that takes it off once that run is over; only with `beside_pid`
  // The programs that packets meet before one of ours, and that may keep them from it, in words.
  std::vector<std::string> in_front;

  struct Counts {             // since the program was loaded; beside what is counted on sessions
    std::uint32_t epoch = 0;  // 0: no controller has started it
    std::uint32_t sessions = 0;
    Amount unknown;
    Amount not_understood;
    std::uint64_t events = 0;
    std::optional<Amount> dropped;  // by the firewall, where one is in force
  };
  std::optional<Counts> counts;  // of our programs of this ABI
};

// The programs on the hooks of a port. Throws SystemError.
std::vector<AttachmentStatus> port_status(const Interface& port);

// Takes nicsentry's programs (of one mode only, if it is given; not on hooks to `keep`) off a port, whoever attached
// them; says what it did, and which programs of users stay. Throws Error where there is none, and where a controller
// drives them.
std::string detach_port(const std::string& interface_name, std::optional<Mode> mode, const std::set<Hook>& keep = {});

}  // namespace nicsentry
