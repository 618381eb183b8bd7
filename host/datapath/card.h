// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/datapath/interface.h"

namespace nicsentry {

constexpr const char* kCardDriver = "nfp";

// The abilities of a card's firmware, as its driver reports them.
struct CardCapabilities {
  std::vector<std::string> offered;  // helpers and map types
  std::vector<std::string> missing;
  std::uint32_t elements_left = 0;  // for new maps, over all ports of the card
};

// Throws Error where the driver or the firmware of the port offloads no programs at all.
void require_card(const Interface& port);

// Asks by offering small programs and maps and listening to the driver: there is no other way. Nothing is left there.
// Throws as require_card().
CardCapabilities ask_card(const Interface& port);

// What a message about a full card ends with: the driver tells of its limits in the kernel's log only.
std::string no_room_on_card();

// Why a card refused a program, in few words, out of all that was said: what its firmware lacks, else the driver's own
// words; the first line of `said` where the driver had none.
std::string card_refusal(const std::string& said);

}  // namespace nicsentry
