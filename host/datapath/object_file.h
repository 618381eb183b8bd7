// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include "host/datapath/mode.h"
#include "host/report/profile.h"

namespace nicsentry {

// The name of the program that serves a profile: "ddos", "crypto", "sentry". The last has a firewall, and is loaded for
// every profile where there is to be one.
const char* program_name(Profile profile);

// The firewall alone, which sends no packets of known sessions: for whoever attaches it by hand; the controller adopts
// it.
inline constexpr const char* kFirewallAlone = "firewall";

// What an object is compiled for: the card (XDP on the host takes it, too, but is slower), XDP on the host, or TC.
enum class Target { card, xdp, tc };
Target target_of(Mode mode);

// The compiled object for a profile: in $NICSENTRY_BPF_DIR, beside the executable (a build tree), or where installation
// puts it. Throws Error naming the places when it is in none.
std::filesystem::path find_object(Profile profile, Target target);
std::filesystem::path find_object(const std::string& program, Target target);

}  // namespace nicsentry
