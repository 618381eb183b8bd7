// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/tcp_course.h"

#include "host/packet/tcp_flags.h"

namespace nicsentry {

bool TcpCourse::note(const ParsedPacket& packet) {
  return packet.protocol == Protocol::tcp && note(packet.key.direction, packet.features.tcp_flags, packet.tcp_sequence);
}

bool TcpCourse::note(const ConnectionPacket& packet) {
  return packet.protocol == Protocol::tcp && note(packet.direction, packet.tcp_flags, packet.sequence);
}

bool TcpCourse::note(Direction direction, std::uint8_t flags, std::uint32_t sequence) {
  const auto end = static_cast<std::size_t>(direction);
  if (is_plain_syn(flags)) {
    const bool over = (fins_[0] && fins_[1]) || (reset_ && first_numbers_[end] != sequence);
    if (over) *this = {};
    reset_ = false;
    first_numbers_[end] = sequence;
    return over;
  }
  reset_ = reset_ || (flags & kTcpRst) != 0;
  fins_[end] = fins_[end] || (flags & kTcpFin) != 0;
  return false;
}

}  // namespace nicsentry
