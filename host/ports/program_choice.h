// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "host/datapath/program_catalog.h"
#include "host/report/profile.h"

namespace nicsentry {

// The program that serves an analysis: "ddos", "crypto", "sentry". Where there is a firewall, it is "sentry" for all.
std::string_view program_for(Profile profile);

// The analyses that a program serves.
Profile profile_of(const ProgramSpec& program);

}  // namespace nicsentry
