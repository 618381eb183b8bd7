// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>

#include "bpf_offload/types.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// Returns a limit as the program reads it, for IPv4 and IPv6. `next` and `established` are left to the tables.
std::array<limit, 2> limit_of(const Limit& rule, Chain chain);

}  // namespace nicsentry
