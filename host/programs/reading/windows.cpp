// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/windows.h"

#include <algorithm>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/user_hooks.h"

namespace nicsentry::programs {
namespace {

std::size_t side_of(const PathRecord& path) { return path.egress ? 1 : 0; }

bool has_copies(const KnownLoad& load, const PathRecord& path) { return copies_of(load, path).size() == 2; }

bool is_swapped_by(const std::vector<MetricConfig>& metrics, const std::string& map) {
  return std::any_of(metrics.begin(), metrics.end(),
                     [&map](const MetricConfig& one) { return one.map == map && one.swap_on_read; });
}

// Whether both paths have a swapped map in common: then their windows are one.
bool share_windows(const LoadRecord& record) {
  for (const PathRecord& path : record.paths) {
    for (const UserMap& map : path.maps) {
      const bool swapped = std::any_of(record.paths.begin(), record.paths.end(),
                                       [&map](const PathRecord& one) { return is_swapped_by(one.metrics, map.name); });
      if (map.is_extern && swapped) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

struct ClosedWindows::Swap {
  const OnHook* from = nullptr;
  const PinnedProgram* to = nullptr;
};

ClosedWindows::ClosedWindows(const UserPins& pins, const std::string& name, const Situation& situation,
                             const KnownLoad& load, const std::function<bool(const PathRecord&)>& wanted) {
  std::vector<const PathRecord*> paths;
  for (const PathRecord& path : load.record->paths) {
    if (has_copies(load, path) && wanted(path)) {
      paths.push_back(&path);
    }
  }
  if (paths.empty()) {
    return;
  }
  if (share_windows(*load.record)) {
    paths.clear();
    for (const PathRecord& path : load.record->paths) {
      if (has_copies(load, path)) {
        paths.push_back(&path);
      }
    }
  }
  const auto port = interface_of(*load.record);
  if (situation.elsewhere) {
    throw Conflict(name + " is loaded on " + load.record->interface +
                   " of another network namespace; read what is swapped there");
  }
  state_.emplace(SwapStateMap::open(pins.swap_state(name, load.pins.number)));
  SwapState state = state_->get();
  std::vector<Swap> swaps;
  for (const PathRecord* path : paths) {
    const std::vector<const PinnedProgram*> copies = copies_of(load, *path);
    close(situation, *path, copies, state, swaps);
    const std::size_t side = side_of(*path);
    const bool first = state.closed[side] == copies[0]->id;
    pins_[side] = first ? path->pin() : path->other_pin();
  }
  state_->set(state);
  for (const Swap& swap : swaps) {
    replace_user_program(*port, swap.from->path.hook(), swap.from->place.priority, {swap.from->id, swap.from->fd},
                         {swap.to->id, swap.to->fd.get()});
  }
}

void ClosedWindows::close(const Situation& situation, const PathRecord& path,
                          const std::vector<const PinnedProgram*>& copies, SwapState& state, std::vector<Swap>& swaps) {
  const std::size_t side = side_of(path);
  const auto on_hook = std::find_if(situation.on_hooks.begin(), situation.on_hooks.end(), [&copies](const auto& one) {
    return one.id == copies[0]->id || one.id == copies[1]->id;
  });
  const std::uint32_t running = on_hook != situation.on_hooks.end() ? on_hook->id : 0;
  if (running == 0 && state.closed[side] == 0) {  // taken off its hook: what it counted last is closed
    state.closed[side] = state.active[side];
  } else if (running != 0 && (state.closed[side] == 0 || state.closed[side] == running)) {
    const PinnedProgram* to = copies[copies[0]->id == running ? 1 : 0];
    state.closed[side] = running;
    state.active[side] = to->id;
    swaps.push_back({&*on_hook, to});
  }
}

void ClosedWindows::done() const {
  SwapState state = state_->get();
  for (std::size_t side = 0; side < pins_.size(); ++side) {
    if (pins_[side]) {
      state.closed[side] = 0;
    }
  }
  state_->set(state);
}

}  // namespace nicsentry::programs
