// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/datapath/interface.h"
#include "host/datapath/user_pins.h"
#include "host/programs/loaded/loaded.h"
#include "host/programs/loaded/record.h"

namespace nicsentry::programs {

struct KnownLoad {
  PinnedLoad pins;
  std::optional<LoadRecord> record;
};

// A program of a monitor that is on its hook now.
struct OnHook {
  PathRecord path;
  std::uint32_t id = 0;
  int fd = -1;  // of a KnownLoad
  UserPlace place;
};

// All loads of one name. After an interruption there are several, of which each hook has a program of one.
struct Situation {
  std::vector<KnownLoad> loads;
  std::vector<OnHook> on_hooks;
  bool elsewhere = false;  // in a network namespace that lives and is not this one

  const KnownLoad* newest() const;  // that is complete; nullptr if there is none
  // The newest load that has a program on a hook, else newest().
  const KnownLoad* current() const;
  unsigned next_number() const { return loads.empty() ? 1 : loads.back().pins.number + 1; }
};

Situation look_at(const UserPins& pins, const std::string& name);

// The copies of a path's program that are pinned: one, or two with maps that are swapped.
std::vector<const PinnedProgram*> copies_of(const KnownLoad& load, const PathRecord& path);

// Situation::current(). Throws NotFound.
const KnownLoad& load_of(const Situation& situation, const std::string& name);

// Situation::current() as list_monitors() has it. Nothing where no load is complete.
std::optional<LoadedMonitor> describe_monitor(const UserPins& pins, const std::string& name,
                                              const Situation& situation);

// Throws Conflict where a run counts with a program on its hook: one of nicsentry's that a function is linked with.
void refuse_driven(const Situation& situation, const Interface& port, const std::string& name);

// The interface of a record, by its index. Nothing where it is gone.
std::optional<Interface> interface_of(const LoadRecord& record);

}  // namespace nicsentry::programs
