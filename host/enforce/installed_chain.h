// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "host/enforce/hit_keys.h"
#include "host/rules/compile/compile.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// The tables of a bank, and the chain they were compiled from. Does not change once it is made.
struct InstalledChain {
  ChainRules chain;
  Compiled compiled;
  AskedSets asked;
  std::array<std::uint32_t, HIT_NAMES> set_names{};  // see hit_names()
  std::vector<SetMask> classes;                      // when it was compiled
};

}  // namespace nicsentry
