// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace nicsentry {

// Where a program runs: on the card, in the driver, in the kernel's generic XDP, or on TC's hooks.
enum class Mode { hw, drv, skb, tc };

enum class Hook { xdp, tc_ingress, tc_egress };

const char* mode_name(Mode mode);  // "hw", "drv", "skb", "tc"
const char* hook_name(Hook hook);  // "xdp", "tc-ingress", "tc-egress"

// Throws Error on another word. "auto" is not a mode.
Mode parse_mode(std::string_view text);

}  // namespace nicsentry
