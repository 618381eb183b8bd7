// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "host/packet/session_key.h"

namespace nicsentry {

// The sequence numbers of a segment, with its length.
struct TcpSegment {
  std::uint32_t sequence = 0;
  std::uint32_t length = 0;  // in sequence numbers: payload, SYN and FIN
  bool acknowledges = false;
  std::uint32_t acknowledged = 0;  // the next number that its sender expects
};

// How far the two ends of a TCP connection have come, by the segments that were seen. Segments that nobody saw (beyond
// the cap, or lost) are known by their bytes, which are counted: no more numbers can have been used.
class TcpSequence {
 public:
  // Bytes of each direction, by Direction, that were counted and belong to no segment that was taken. They only grow.
  using UnseenBytes = std::array<std::uint64_t, 2>;

  // Whether a segment can be its sender's: its number lies between what the other end has acknowledged, and what the
  // sender can have sent by now; what it acknowledges can have been sent. Of an end of which nothing is known, any
  // number can be.
  bool fits(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen) const;
  // The same for a RST. Of an end of which nothing is known it must acknowledge what the other end has sent: a refusal
  // (RFC 9293, 3.10.7.3).
  bool fits_reset(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen) const;
  // Whether a segment acknowledges a number that the other end has sent, and that was not acknowledged long ago.
  bool acknowledges(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen) const;
  // Notes a segment, and returns whether it fits. One that does not fit is taken for its sender's when the other end
  // acknowledges it later.
  bool take(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen);

 private:
  struct End {
    bool known = false;
    bool doubted = false;      // a segment did not fit: [doubt, doubt_end]
    std::uint32_t first = 0;   // the lowest number that can still come
    std::uint32_t next = 0;    // behind the highest number that was seen
    std::uint64_t unseen = 0;  // UnseenBytes when `next` was noted
    std::uint32_t doubt = 0;
    std::uint32_t doubt_end = 0;

    bool has_sent(std::uint32_t number, std::uint64_t unseen_now) const;
    bool doubts(std::uint32_t number) const { return doubted && number - doubt <= doubt_end - doubt; }
    void advance(std::uint32_t number, std::uint64_t unseen_now);
  };

  End& end(Direction direction) { return ends_[static_cast<std::size_t>(direction)]; }
  const End& end(Direction direction) const { return ends_[static_cast<std::size_t>(direction)]; }

  std::array<End, 2> ends_{};
};

}  // namespace nicsentry
