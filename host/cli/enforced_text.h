// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/api/json/enforced_json.h"

namespace nicsentry {

// "enforced: ingress on eth0/xdp; egress nowhere", for these chains.
std::string enforced_text(const Enforced& enforced, const std::vector<Chain>& chains);

// Warns of each program that a change did not reach. Returns the command's exit status.
int enforced_status(const Enforced& enforced, const std::vector<Chain>& chains);

// Prints where a change is in force, too.
int report_enforced(const Enforced& enforced, const std::vector<Chain>& chains = {Chain::ingress, Chain::egress});

}  // namespace nicsentry
