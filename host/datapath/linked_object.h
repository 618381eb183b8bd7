// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "host/datapath/program_catalog.h"

namespace nicsentry {

// A user's function that programs of nicsentry's on a card call for what they pass: int on_packet(struct xdp_md *).
inline constexpr const char* kOnPacket = "on_packet";
// Programs that there is such a build of.
inline constexpr std::array kCallsOnPacket = {kDdos, kCrypto};

// The object of a user's, linked behind nicsentry's program that calls its on_packet(). `name` is for messages. Throws
// Error where it has no such function, or where libbpf's linker does not take both.
std::string link_on_packet(const std::string& user, const std::string& name, std::string_view program);

}  // namespace nicsentry
