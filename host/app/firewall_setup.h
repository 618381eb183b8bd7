// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "host/app/daemon_options.h"
#include "host/app/messages.h"
#include "host/enforce/firewall.h"
#include "host/lockout/lockout.h"

namespace nicsentry {

// The firewall that a run's options ask for, its files read and compiled; null where they ask for none. Throws Error,
// also for rules that no program of the run would enforce: they would be taken for protection.
std::unique_ptr<Firewall> make_firewall(const DaemonOptions& options, const Messages& messages);

// Puts the files of rules that the options name in force on a firewall of a run. Throws Error.
void apply_rule_files(Firewall& firewall, const DaemonOptions& options);

// The error that no program of the run enforces this chain.
Conflict not_enforced(Chain chain);

// The traffic that no change of rules may cut off, on this run's ports.
VitalTraffic vital_traffic(const DaemonOptions& options);

// A warning where the programs see the packets of a connection one way only. Nothing where they see both: on the way
// out of the one port, or in through two.
std::optional<std::string> one_way_caution(const DaemonOptions& options);

}  // namespace nicsentry
