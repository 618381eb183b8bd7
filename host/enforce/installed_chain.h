// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/rules/compile/compile.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// The tables of a bank, and the chain they were compiled from. Does not change once it is made.
struct InstalledChain {
  ChainRules chain;
  Compiled compiled;
};

}  // namespace nicsentry
