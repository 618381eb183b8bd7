// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/programs/lint/facts.h"
#include "host/programs/lint/program_image.h"

namespace nicsentry::lint {

// Bytes of the longest chain of calls on the card, where each frame begins at a multiple of 64 and functions keep the
// way back and the registers that they use.
std::uint32_t stack_on_card(const ProgramImage& program, const ProgramFacts& facts);

// The same in the kernel, where frames are multiples of 32 bytes and 512 is the limit.
std::uint32_t stack_in_kernel(const ProgramImage& program, const ProgramFacts& facts);

// Whether a function uses R6 to R9, which it keeps for its caller.
bool keeps_registers(const ProgramImage& program, const ProgramFacts& facts, std::size_t function);

}  // namespace nicsentry::lint
