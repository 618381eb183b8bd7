// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/tcp_sequence.h"

namespace nicsentry {
namespace {

constexpr std::uint64_t kHalfOfAll = std::uint64_t{1} << 31U;
// The largest window (RFC 7323, 2.3): what lies farther back was acknowledged.
constexpr std::uint32_t kLargestWindow = std::uint32_t{1} << 30U;

// Numbers are compared modulo 2^32 (RFC 9293, 3.4).
bool is_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }

std::uint64_t unseen_of(Direction direction, const TcpSequence::UnseenBytes& unseen) {
  return unseen[static_cast<std::size_t>(direction)];
}

}  // namespace

bool TcpSequence::End::has_sent(std::uint32_t number, std::uint64_t unseen_now) const {
  const std::uint64_t since = unseen_now > unseen ? unseen_now - unseen : 0;
  const std::uint64_t reach = next - first + since;
  return reach >= kHalfOfAll || number - first <= reach;
}

void TcpSequence::End::advance(std::uint32_t number, std::uint64_t unseen_now) {
  next = number;
  unseen = unseen_now;
  if (next - first > kLargestWindow) {
    first = next - kLargestWindow;
  }
}

bool TcpSequence::fits(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen) const {
  const End& sender = end(direction);
  if (sender.known && !sender.has_sent(segment.sequence, unseen_of(direction, unseen))) {
    return false;
  }
  const End& other = end(opposite(direction));
  return !segment.acknowledges || !other.known || is_before(segment.acknowledged, other.first) ||
         other.has_sent(segment.acknowledged, unseen_of(opposite(direction), unseen)) ||
         other.doubts(segment.acknowledged);
}

bool TcpSequence::fits_reset(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen) const {
  const End& sender = end(direction);
  return sender.known ? sender.has_sent(segment.sequence, unseen_of(direction, unseen))
                      : acknowledges(direction, segment, unseen);
}

bool TcpSequence::acknowledges(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen) const {
  const End& other = end(opposite(direction));
  return segment.acknowledges && other.known &&
         other.has_sent(segment.acknowledged, unseen_of(opposite(direction), unseen));
}

bool TcpSequence::take(Direction direction, const TcpSegment& segment, const UnseenBytes& unseen) {
  End& sender = end(direction);
  const std::uint32_t behind = segment.sequence + segment.length;
  if (!fits(direction, segment, unseen)) {
    sender.doubted = true;
    sender.doubt = segment.sequence;
    sender.doubt_end = behind;
    return false;
  }
  if (!sender.known) {
    sender = {};
    sender.known = true;
    sender.first = segment.sequence;
    sender.advance(behind, unseen_of(direction, unseen));
  } else if (is_before(sender.next, behind)) {
    sender.advance(behind, unseen_of(direction, unseen));
  }
  End& other = end(opposite(direction));
  if (segment.acknowledges && other.known && is_before(other.first, segment.acknowledged)) {
    other.first = segment.acknowledged;
    if (is_before(other.next, segment.acknowledged)) {
      other.advance(segment.acknowledged, unseen_of(opposite(direction), unseen));
    }
    other.doubted = false;
  }
  return true;
}

}  // namespace nicsentry
