// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/datapath/interface.h"
#include "host/datapath/mode.h"
#include "host/datapath/program.h"

namespace nicsentry {

// The modes that `auto` tries, best first.
inline constexpr std::array kAutoOrder = {Mode::hw, Mode::drv, Mode::skb};

// A program on a hook of a port, or behind the dispatcher of that hook.
struct ProgramPlace {
  Hook hook = Hook::xdp;
  Mode mode = Mode::drv;
  std::uint32_t program_id = 0;
  std::uint32_t dispatcher = 0;  // the program of the hook that calls it; 0: none
};

// What is on the hooks of a port, behind a dispatcher what it calls. Throws SystemError.
std::vector<ProgramPlace> programs_on(const Interface& port);

// "program 'sentry' (id 7) on the xdp hook of eth0 in mode drv"
std::string place_text(const Interface& port, Hook hook, Mode mode, const ProgramInfo& program);

// "nicsentry detach -i eth0 --mode tc"
std::string detach_command(const Interface& port, Mode mode);

// Why no program of nicsentry's can read the packets of a port.
std::string unread_link(const Interface& port);

// A program of nicsentry's on a hook that whoever takes the port over does not use.
struct LeftProgram {
  ProgramPlace place;
  ProgramInfo info;
};

// The programs of nicsentry's beside those of a run in this mode; none: auto.
struct LeftPrograms {
  std::vector<LeftProgram> programs;
  bool ingress_in_use = false;  // the run finds one where it wants its own, for what comes in
};
LeftPrograms left_programs(const Interface& port, std::optional<Mode> mode, bool both_directions);

// Throws Error where one of them enforces: it would go on with rules that the run does not know. The words name the
// hook and what to do.
void refuse_enforcing(const Interface& port, const LeftPrograms& left);

}  // namespace nicsentry
