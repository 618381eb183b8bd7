// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "host/programs/lint/facts.h"
#include "host/programs/lint/program_image.h"

namespace nicsentry::lint {

// Which instructions the kernel removes before the driver translates a program: those on no path, and jumps that go to
// the next instruction once those are gone.
std::vector<bool> removed_instructions(const ProgramImage& program, const ProgramFacts& facts);

}  // namespace nicsentry::lint
