// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/datapath/interface.h"
#include "host/datapath/mode.h"

namespace nicsentry {

// Programs that a user put on a port (`programs load`), as other commands name them. These functions throw nothing:
// their texts go with messages that matter more.

// "'monitor' of your own (remove it with: nicsentry programs unload monitor)"; empty where it is none of these.
std::string users_program_text(std::uint32_t program_id);

// The same of those on a port's hooks (in one mode only, if it is given), with the hooks: "'monitor' of your own is on
// xdp (remove it ...)". Empty where there are none.
std::string users_programs_text(const Interface& port, std::optional<Mode> mode);

}  // namespace nicsentry
