// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "host/packet/parser.h"
#include "host/packet/session_key.h"
#include "host/sessions/connection.h"

namespace nicsentry {

// Whether the packets of a TCP session are those of one connection, or of several that used the same ports one after
// the other. It believes every packet: rules go by Connection, which doubts them.
class TcpCourse {
 public:
  // True if the packet begins another connection: a SYN after FINs of both ends, or after a RST. A SYN after a RST with
  // the number of the last one is a further try of the same connection. Other protocols: false.
  bool note(const ParsedPacket& packet);
  bool note(const ConnectionPacket& packet);

 private:
  bool note(Direction direction, std::uint8_t flags, std::uint32_t sequence);

  std::array<bool, 2> fins_{};  // by Direction
  bool reset_ = false;
  std::array<std::optional<std::uint32_t>, 2> first_numbers_{};  // of the last SYN, by Direction
};

}  // namespace nicsentry
