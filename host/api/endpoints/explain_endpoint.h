// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "host/api/server/command_socket.h"
#include "host/datapath/mode.h"
#include "host/enforce/firewall.h"

namespace nicsentry {

// A program that enforces a chain.
struct EnforcingProgram {
  std::string name;  // of its attachment
  std::uint32_t id = 0;
  Hook hook = Hook::xdp;
  Mode mode = Mode::drv;
};

// Asks a copy of the program: {"packets": [{"frame": [bytes], "length": N}, ...], "conntrack": "NEW", "why": true}.
// Beyond the frame's bytes there are zeros up to its length, if that is given; without conntrack the states are those
// in force. The answer has the chain, its default and "answers", one a packet. Throws Error.
nlohmann::ordered_json explain_packets(const Firewall& firewall, const EnforcingProgram& program,
                                       const nlohmann::json& request);

// /firewall/explain: the same of a run. `find` gives the program that enforces a chain, or throws Error.
void add_explain_endpoint(CommandServer& server, const Firewall& firewall, std::function<EnforcingProgram(Chain)> find);

}  // namespace nicsentry
