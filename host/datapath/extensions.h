// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

namespace nicsentry {

// The programs that replace a function of this one (BPF_PROG_TYPE_EXT), which is how libxdp's dispatcher calls others.
// In the order of the functions, which is the dispatcher's. None where the process may not look at links
// (CAP_SYS_ADMIN).
std::vector<std::uint32_t> extensions_of(std::uint32_t program_id);

// Whether a program is one that replaces functions, on a hook or not.
bool is_extension(std::uint32_t program_id);

}  // namespace nicsentry
