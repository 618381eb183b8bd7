// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/api/json/enforced_json.h"

namespace nicsentry {

// "enforced: ingress on eth0/xdp; egress nowhere", for these chains.
std::string enforced_text(const Enforced& enforced, const std::vector<Chain>& chains);

// Tells of each program that a change did not reach, on standard error. Returns the command's exit status.
int enforcement_status(const Enforced& enforced, const std::vector<Chain>& chains = {Chain::ingress, Chain::egress});

// Prints where a change is in force, and warns of each program that it did not reach. Returns the command's exit
// status.
int report_enforced(const Enforced& enforced, const std::vector<Chain>& chains = {Chain::ingress, Chain::egress});

}  // namespace nicsentry
