// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "host/programs/lint/instruction.h"

namespace nicsentry::lint {

// Where paths meet or part, in the kernel's sense.
struct FlowPoints {
  std::vector<bool> compare;  // states are compared here
  std::vector<bool> jump;     // may be reached by something else than the instruction before it
};

// Throws KernelRefusal where a jump leaves its function, a loop is entered from above, or an instruction cannot be
// reached at all.
FlowPoints find_flow_points(const std::vector<Instruction>& program, const std::vector<std::size_t>& function_starts);

// The first instruction of each function, in order.
std::vector<std::size_t> find_function_starts(const std::vector<Instruction>& program);

}  // namespace nicsentry::lint
