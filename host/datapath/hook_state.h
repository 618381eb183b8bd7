// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/datapath/interface.h"
#include "host/datapath/mode.h"

namespace nicsentry {

// How a program stands to a hook.
struct HookState {
  enum class Kind : std::uint8_t {
    on_hook,  // the hook runs it
    behind,   // the hook runs another program, which can call it (BPF_MAP_TYPE_PROG_ARRAY, BPF_PROG_TYPE_EXT)
    off,      // the hook holds nothing where the program was
    replaced  // the hook holds another program, which cannot call it
  };
  Kind kind = Kind::on_hook;
  std::uint32_t other = 0;  // the other program

  bool runs() const { return kind == Kind::on_hook || kind == Kind::behind; }
};

// Whether the hook still runs a program, wherever on the hook: a filter of another priority, generic XDP in place of
// the driver's. Throws SystemError.
HookState look_at_hook(const Interface& port, Hook hook, Mode mode, std::uint32_t program_id);

// The programs that packets meet on the port before this one, and may be stopped by: filters and tcx programs before a
// TC filter, XDP programs in front of what comes later. Each in words. Programs of this ABI are not among them. Throws
// SystemError.
std::vector<std::string> in_front_of(const Interface& port, Hook hook, Mode mode, std::uint32_t program_id);

// The hooks of a port on which a program of nicsentry's stands that packets meet behind this other program: it may keep
// packets from it. Throws SystemError.
std::vector<Hook> own_hooks_behind(const Interface& port, std::uint32_t program_id);

}  // namespace nicsentry
