// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/datapath/hooks.h"
#include "host/datapath/interface.h"
#include "host/datapath/mode.h"
#include "host/datapath/user_object.h"

namespace nicsentry {

// A hook that a user's program takes. Several stand on one hook, by priority: on TC as filters, on XDP behind libxdp's
// dispatcher, or one alone. On a card (Mode::hw) one is alone always.
struct UserHook {
  Hook hook = Hook::tc_ingress;
  Mode mode = Mode::tc;
};

// Behind nicsentry's own filter, kOwnTcPriority.
constexpr std::uint32_t kFirstUserPriority = 200;

// Where a program is on its hook.
struct UserPlace {
  std::uint32_t priority = 0;  // 0: alone on XDP
  std::uint32_t running = 0;   // the program itself, or behind a dispatcher the second one over its maps
  bool dispatched(std::uint32_t id) const { return running != id; }
};
// Nothing where it is not there.
std::optional<UserPlace> find_user_program(const Interface& port, UserHook where, std::uint32_t id);

// The first priority from kFirstUserPriority on that no filter of the TC hook has.
std::uint32_t free_user_priority(const Interface& port, Hook hook);

// Makes the clsact qdisc, which TC's hooks belong to. False where it was there. Throws SystemError.
bool make_tc_hooks(const Interface& port);

// Puts a program on a hook; on XDP behind libxdp's dispatcher unless it is to stand `alone`, or must. Why it must, or
// nothing. `priority` 0, for XDP: as the program says; on a card it must be 0. Throws Conflict where another stands
// there: on XDP a program that is no dispatcher, on TC a user's of this priority, and for nicsentry's own priority.
// Throws SystemError.
std::string attach_user_program(const Interface& port, UserHook where, std::uint32_t priority,
                                const UserObject& program, bool alone);

// Puts a program in place of another one in one step: each packet is seen by one of them. Neither may stand behind a
// dispatcher.
void replace_user_program(const Interface& port, UserHook where, std::uint32_t priority, ProgramRef from,
                          ProgramRef to);

// Quiet when the program is gone already. With `remove_qdisc` also the clsact qdisc, if no filter is left on it.
void detach_user_program(const Interface& port, UserHook where, std::uint32_t id, bool remove_qdisc);

}  // namespace nicsentry
