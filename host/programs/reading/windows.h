// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "host/datapath/user_pins.h"
#include "host/programs/loaded/situation.h"

namespace nicsentry::programs {

// The windows that a read closes: each path whose maps are swapped has two copies of its program, each with such maps
// of its own. A read puts the other copy on the hook, in one step, and then has the maps of the first for itself.
//
// A read that was killed leaves a closed window. The next read finds it by the state that is pinned with the load, and
// returns it without another swap. Whoever has this object has the lock of the name's readers.
class ClosedWindows {
 public:
  // Closes the windows of those paths that `wanted` names, and of those that share swapped maps with them. Throws
  // Conflict for a load of another network namespace, and SystemError.
  ClosedWindows(const UserPins& pins, const std::string& name, const Situation& situation, const KnownLoad& load,
                const std::function<bool(const PathRecord&)>& wanted);

  bool any() const { return state_.has_value(); }
  // The pin of a path's copy whose window is closed (PinnedProgram::hook); nothing where none is.
  const std::optional<std::string>& pin_of(bool egress) const { return pins_[egress ? 1 : 0]; }
  // To be called when the closed window has been read.
  void done() const;

 private:
  struct Swap;
  // Says in `state` which copy's window is closed, and adds the swap that is still to be done.
  void close(const Situation& situation, const PathRecord& path, const std::vector<const PinnedProgram*>& copies,
             SwapState& state, std::vector<Swap>& swaps);

  std::optional<SwapStateMap> state_;
  std::array<std::optional<std::string>, 2> pins_;
};

}  // namespace nicsentry::programs
