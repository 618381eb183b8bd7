// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "host/packet/parser.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// The session of the packet that an ICMP error quotes, by the error's frame or its first bytes. Nothing where the quote
// is cut before its ports, is a later fragment, or was not sent by whom the error is for:
// nobody is told of errors in other people's packets.
std::optional<SessionKey> quoted_session(std::span<const std::uint8_t> frame, const ParsedPacket& error);

}  // namespace nicsentry
