// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "host/datapath/hooks.h"
#include "host/datapath/interface.h"
#include "host/datapath/mode.h"

namespace nicsentry {

// A hook that a user's program takes. On TC several stand on one hook, by priority; on XDP one alone.
struct UserHook {
  Hook hook = Hook::tc_ingress;
  Mode mode = Mode::tc;
};

// Behind nicsentry's own filter (hooks.cpp).
constexpr std::uint32_t kFirstUserPriority = 200;

// The priority of a program on its hook, 0 on XDP; nothing where it is not there.
std::optional<std::uint32_t> find_user_program(const Interface& port, UserHook where, std::uint32_t id);

// The first priority from kFirstUserPriority on that no filter of the TC hook has.
std::uint32_t free_user_priority(const Interface& port, Hook hook);

// Makes the clsact qdisc, which TC's hooks belong to. False where it was there. Throws SystemError.
bool make_tc_hooks(const Interface& port);

// Puts a program on a hook. Throws Conflict where another stands there: on XDP any program, on TC a user's of this
// priority. Throws SystemError.
void attach_user_program(const Interface& port, UserHook where, std::uint32_t priority, int fd);

// Puts a program in place of another one in one step: each packet is seen by one of them.
void replace_user_program(const Interface& port, UserHook where, std::uint32_t priority, ProgramRef from,
                          ProgramRef to);

// Quiet when the program is gone already. With `remove_qdisc` also the clsact qdisc, if no filter is left on it.
void detach_user_program(const Interface& port, UserHook where, std::uint32_t id, bool remove_qdisc);

}  // namespace nicsentry
