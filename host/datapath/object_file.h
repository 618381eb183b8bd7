// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <filesystem>

#include "host/datapath/mode.h"
#include "host/window/profile.h"

namespace nicsentry {

// The name of the program that serves a profile: "ddos", "crypto", "sentry"; "firewall" is the one that has a firewall
// and serves all of them.
const char* program_name(Profile profile, bool firewall = false);

// The compiled object for a profile on a hook: in $NICSENTRY_BPF_DIR, beside the executable (a build tree), or where
// installation puts it. Throws Error naming the places when it is in none.
std::filesystem::path find_object(Profile profile, Hook hook, bool firewall = false);

}  // namespace nicsentry
