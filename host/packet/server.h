// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/packet/features.h"
#include "host/packet/parser.h"
#include "host/packet/session_key.h"

namespace nicsentry {

struct ServerDecision {
  Direction server_direction = Direction::from_lower;  // of the packets that the server sends
  ServerMethod method = ServerMethod::handshake;

  bool operator==(const ServerDecision&) const = default;
};

// Which end of a session is the server, by the first packet seen of it. ICMP and ICMPv6 other than echo have ports 0.
ServerDecision decide_server(const ParsedPacket& first);

}  // namespace nicsentry
