// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry::programs {

struct Compilation {
  std::string text;                  // of the whole translation unit
  std::vector<std::string> defines;  // "NAME=VALUE"
  std::filesystem::path source;      // the directory of its own headers; empty: none
};

struct Compiled {
  std::string object;
  std::string warnings;
};

// Compiles C for BPF with clang (NICSENTRY_CLANG, or /usr/bin/clang) in a confined child. Throws Error with the
// compiler's messages.
Compiled compile(const Compilation& compilation);

}  // namespace nicsentry::programs
