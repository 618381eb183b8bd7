// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

namespace nicsentry::lint {

// Thrown where the kernel's verifier ends: the program is wrong on any device.
struct KernelRefusal {
  std::size_t instruction;
  std::string message;
};

// Thrown where the walk ends because it would take too long.
struct TooManyPaths {};

}  // namespace nicsentry::lint
