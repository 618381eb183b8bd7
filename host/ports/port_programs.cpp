// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/port_programs.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/extensions.h"
#include "host/datapath/hooks.h"

namespace nicsentry {
namespace {

// Those of nicsentry's. A program that may not be opened is not pinned by nicsentry.
std::vector<LeftProgram> own_programs_on(const Interface& port) {
  std::vector<LeftProgram> own;
  for (const ProgramPlace& place : programs_on(port)) {
    try {
      ProgramInfo info = describe_program(place.program_id);
      if (info.identity.ours()) {
        own.push_back({place, std::move(info)});
      }
    } catch (const SystemError& error) {
      if (error.code() != ENOENT && error.code() != EPERM) {
        throw;
      }
    }
  }
  return own;
}

// The mode in which `auto` takes over a program; none: no program is there that it takes over.
std::optional<Mode> mode_found(const std::vector<LeftProgram>& own) {
  for (const Mode mode : kAutoOrder) {
    if (std::any_of(own.begin(), own.end(),
                    [mode](const LeftProgram& one) { return one.place.hook == Hook::xdp && one.place.mode == mode; })) {
      return mode;
    }
  }
  return std::nullopt;
}

bool used_by_run(const ProgramPlace& place, std::optional<Mode> mode, bool both_directions) {
  return place.hook == Hook::tc_egress ? both_directions : mode == place.mode;
}

// The options with which a run drives the programs that are left, or nothing where no run can drive all of them.
std::string options_for(const std::vector<LeftProgram>& left, bool ingress_in_use) {
  std::set<Mode> modes;
  bool egress = false;
  for (const LeftProgram& one : left) {
    if (one.place.hook == Hook::tc_egress) {
      egress = true;
    } else {
      modes.insert(one.place.mode);
    }
  }
  if (modes.size() > 1 || (!modes.empty() && ingress_in_use)) {
    return "";
  }
  return (modes.empty() ? "" : std::string(" --mode ") + mode_name(*modes.begin())) +
         (egress ? " --direction both" : "");
}

Error left_enforcing(const Interface& port, const std::vector<LeftProgram>& left, bool ingress_in_use) {
  std::string text = "EBUSY: ";
  std::set<Mode> modes;
  for (const LeftProgram& one : left) {
    text += (modes.empty() ? "" : ", and ") + place_text(port, one.place.hook, one.place.mode, one.info);
    modes.insert(one.place.mode);
  }
  const bool several = left.size() > 1;
  text += std::string(several ? " enforce" : " enforces") + " rules that this run would not drive: ";
  const std::string options = options_for(left, ingress_in_use);
  text += (options.empty() ? "" : "run with" + options + ", or ") + "detach " + (several ? "them" : "it") + " first";
  text += ": nicsentry detach -i " + port.name;
  return Error(text + (modes.size() == 1 ? std::string(" --mode ") + mode_name(*modes.begin()) : ""));
}

}  // namespace

std::vector<ProgramPlace> programs_on(const Interface& port) {
  const XdpPrograms xdp = query_xdp(port);
  std::vector<ProgramPlace> places;
  for (const ProgramPlace& place :
       {ProgramPlace{Hook::xdp, Mode::hw, xdp.hw}, ProgramPlace{Hook::xdp, Mode::drv, xdp.drv},
        ProgramPlace{Hook::xdp, Mode::skb, xdp.skb},
        ProgramPlace{Hook::tc_ingress, Mode::tc, query_tc(port, Hook::tc_ingress)},
        ProgramPlace{Hook::tc_egress, Mode::tc, query_tc(port, Hook::tc_egress)}}) {
    if (place.program_id != 0) {
      places.push_back(place);
    }
    if (place.program_id != 0 && place.hook == Hook::xdp) {
      for (const std::uint32_t called : extensions_of(place.program_id)) {
        places.push_back({place.hook, place.mode, called, place.program_id});
      }
    }
  }
  return places;
}

std::string place_text(const Interface& port, Hook hook, Mode mode, const ProgramInfo& program) {
  return "program '" + program.name + "' (id " + std::to_string(program.id) + ") on the " + hook_name(hook) +
         " hook of " + port.name + " in mode " + mode_name(mode);
}

std::string detach_command(const Interface& port, Mode mode) {
  return "nicsentry detach -i " + port.name + " --mode " + mode_name(mode);
}

std::string unread_link(const Interface& port) {
  const std::string type = link_type_text(port.link_type);
  const bool gre = link_header_of(port.link_type, true) == LinkHeader::none;
  return "EOPNOTSUPP: " + port.name + ": packets of link type " + type + " begin neither with an Ethernet nor an IP " +
         "header" + (gre ? ", unless the tunnel has one remote end" : "");
}

LeftPrograms left_programs(const Interface& port, std::optional<Mode> mode, bool both_directions) {
  const std::vector<LeftProgram> own = own_programs_on(port);
  const std::optional<Mode> used = mode ? mode : mode_found(own);
  LeftPrograms left;
  for (const LeftProgram& one : own) {
    if (!used_by_run(one.place, used, both_directions)) {
      left.programs.push_back(one);
    } else if (one.place.hook != Hook::tc_egress) {
      left.ingress_in_use = true;
    }
  }
  return left;
}

void refuse_enforcing(const Interface& port, const LeftPrograms& left) {
  std::vector<LeftProgram> enforcing;
  std::copy_if(left.programs.begin(), left.programs.end(), std::back_inserter(enforcing),
               [](const LeftProgram& one) { return one.info.enforces; });
  if (!enforcing.empty()) {
    throw left_enforcing(port, enforcing, left.ingress_in_use);
  }
}

}  // namespace nicsentry
