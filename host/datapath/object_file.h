// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string_view>

#include "host/datapath/link_header.h"
#include "host/datapath/mode.h"

namespace nicsentry {

// The target of an object: the card (XDP on the host takes it, too, but is slower), XDP on the host, TC, TC on an
// interface without an Ethernet header, or the card with the VLANs of sessions.
enum class Target { card, xdp, tc, raw_ip, card_vlan };
Target target_of(Mode mode, LinkHeader link = LinkHeader::ethernet);

// The compiled object of a program: in $NICSENTRY_BPF_DIR, beside the executable (a build tree), or where installation
// puts it. Throws Error naming the places when it is in none.
std::filesystem::path find_object(std::string_view program, Target target);

}  // namespace nicsentry
