// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "host/programs/lint/facts.h"
#include "host/programs/lint/program_image.h"

namespace nicsentry::lint {

// The result of the driver's translator for a program that its verifier hooks have taken.
struct Translation {
  unsigned size = 0;                 // NFP instructions
  std::vector<unsigned> sizes;       // of each BPF instruction
  std::optional<std::size_t> fails;  // at this instruction
  std::string message;               // the driver's, if it fails
};

Translation translate(const ProgramImage& program, const ProgramFacts& facts);

}  // namespace nicsentry::lint
