// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/datapath/interface.h"
#include "host/datapath/mode.h"
#include "host/datapath/program.h"

namespace nicsentry {

// The priority of nicsentry's own filter on a TC hook. A packet meets filters of lower numbers first.
constexpr std::uint32_t kOwnTcPriority = 100;

// Ids of the programs on an interface's XDP hooks; 0 is none. A port can hold one on the card beside one in the host.
struct XdpPrograms {
  std::uint32_t hw = 0;
  std::uint32_t drv = 0;
  std::uint32_t skb = 0;

  std::uint32_t in(Mode mode) const { return mode == Mode::hw ? hw : mode == Mode::drv ? drv : skb; }
};
XdpPrograms query_xdp(const Interface& port);

// The program that nicsentry has on a TC hook; 0 is none. Filters of others are left alone.
std::uint32_t query_tc(const Interface& port, Hook hook);

// Puts a program on a hook that must be free. `mode` is hw, drv or skb for Hook::xdp. Throws SystemError. True when the
// hook itself (the clsact qdisc) had to be made for it.
bool attach_program(const Interface& port, Hook hook, Mode mode, const Program& program);

// A program in the kernel, for as long as the descriptor is open.
struct ProgramRef {
  std::uint32_t id = 0;
  int fd = -1;
};

// Puts a program on a hook in place of another one, in one step: each packet is seen by one of them. Throws Error when
// the hook does not hold `from` any more. The kernel itself compares on XDP; on TC there is a moment between look and
// act.
void replace_program(const Interface& port, Hook hook, Mode mode, ProgramRef from, ProgramRef to);

// Takes a program off, or from behind libxdp's dispatcher, unless another has taken its place meanwhile; with
// `remove_qdisc` also the clsact qdisc, if no filter is left on it. Quiet when port or program are gone already.
void detach_program(const Interface& port, Hook hook, Mode mode, std::uint32_t program_id, bool remove_qdisc);

}  // namespace nicsentry
