// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "host/programs/lint/instruction.h"

namespace nicsentry::lint {

// Whether the fields that an instruction does not use are zero, as the kernel wants it. Returns its words if not; else
// nullptr.
const char* wrong_fields(const Instruction& instruction);

// The kernel's checks of all instructions, also of those on no path. Throws KernelRefusal.
void check_loads_and_constants(const std::vector<Instruction>& program);

}  // namespace nicsentry::lint
