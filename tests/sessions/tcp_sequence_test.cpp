// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/tcp_sequence.h"

#include <catch2/catch.hpp>
#include <random>

namespace nicsentry::tcp_sequence_test {
namespace {

constexpr Direction a = Direction::from_lower;
constexpr Direction b = Direction::from_higher;
constexpr TcpSequence::UnseenBytes kNone{};

TcpSegment segment(std::uint32_t sequence, std::uint32_t length) { return {sequence, length, false, 0}; }
TcpSegment ack(std::uint32_t sequence, std::uint32_t length, std::uint32_t acknowledged) {
  return {sequence, length, true, acknowledged};
}

}  // namespace

TEST_CASE("a number fits from what was acknowledged to what was sent, also where numbers begin again at 0") {
  const std::uint32_t first = GENERATE(1000U, 0xffffff80U, 0x7fffff80U);
  CAPTURE(first);
  TcpSequence sequence;
  CHECK(sequence.fits(a, segment(first, 100), kNone));
  CHECK(sequence.take(a, segment(first, 100), kNone));
  CHECK(sequence.take(a, segment(first + 100, 200), kNone));
  CHECK(sequence.fits(a, segment(first, 1), kNone));
  CHECK(sequence.fits(a, segment(first + 300, 1), kNone));
  CHECK_FALSE(sequence.fits(a, segment(first + 301, 1), kNone));
  CHECK_FALSE(sequence.fits(a, segment(first - 1, 1), kNone));
  CHECK(sequence.take(b, ack(7, 0, first + 250), kNone));
  CHECK_FALSE(sequence.fits(a, segment(first + 249, 1), kNone));
  CHECK(sequence.fits(a, segment(first + 250, 1), kNone));
}

TEST_CASE("a segment does not fit if it acknowledges what was not sent; an old acknowledgement is none") {
  TcpSequence sequence;
  sequence.take(a, segment(1000, 100), kNone);
  CHECK(sequence.fits(b, ack(7, 0, 1100), kNone));
  CHECK_FALSE(sequence.fits(b, ack(7, 0, 1101), kNone));
  CHECK(sequence.fits(b, ack(7, 0, 1101), {1, 0}));
  CHECK(sequence.fits(b, ack(7, 0, 900), kNone));
  CHECK(sequence.acknowledges(b, ack(7, 0, 1100), kNone));
  CHECK_FALSE(sequence.acknowledges(b, ack(7, 0, 900), kNone));
  CHECK_FALSE(sequence.acknowledges(b, segment(7, 0), kNone));
  CHECK_FALSE(sequence.acknowledges(a, ack(1100, 0, 5), kNone));
}

TEST_CASE("bytes that were counted since the last number was seen may have been used") {
  TcpSequence sequence;
  sequence.take(a, segment(1000, 100), {500, 0});
  CHECK_FALSE(sequence.fits(a, segment(1101, 1), {500, 9000}));
  CHECK(sequence.fits(a, segment(1101, 1), {501, 0}));
  CHECK_FALSE(sequence.fits(a, segment(1102, 1), {501, 0}));
  CHECK(sequence.take(a, segment(51100, 100), {50500, 0}));
  CHECK_FALSE(sequence.fits(a, segment(51201, 1), {50500, 0}));
  CHECK(sequence.fits(a, segment(123456789, 1), {50500 + (1U << 31U), 0}));  // half of all numbers: any
}

TEST_CASE("an end that nobody acknowledges is held to the largest window") {
  TcpSequence sequence;
  std::uint32_t number = 5;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(sequence.take(a, segment(number, 1U << 26U), kNone));
    number += 1U << 26U;
  }
  CHECK(sequence.fits(a, segment(number, 1), kNone));
  CHECK(sequence.fits(a, segment(number - (1U << 30U), 1), kNone));
  CHECK_FALSE(sequence.fits(a, segment(number - (1U << 30U) - 1, 1), kNone));
  CHECK_FALSE(sequence.fits(a, segment(number + 1, 1), kNone));
}

TEST_CASE("a gap that nobody has counted is passed over when the other end acknowledges what comes behind it") {
  TcpSequence sequence;
  sequence.take(a, segment(1000, 100), kNone);
  sequence.take(b, ack(7, 10, 1100), kNone);
  CHECK_FALSE(sequence.take(a, segment(9000, 100), kNone));
  CHECK_FALSE(sequence.fits(b, ack(17, 0, 9101), kNone));
  CHECK_FALSE(sequence.take(b, ack(999, 0, 9100), kNone));  // not the other end's
  CHECK_FALSE(sequence.fits(a, segment(9100, 1), kNone));
  CHECK(sequence.take(b, ack(17, 0, 9100), kNone));
  CHECK(sequence.fits(a, segment(9100, 1), kNone));
  CHECK_FALSE(sequence.fits(a, segment(9099, 1), kNone));
}

TEST_CASE("a RST of an end of which nothing is known must be a refusal") {
  TcpSequence sequence;
  CHECK_FALSE(sequence.fits_reset(b, ack(0, 0, 1001), kNone));
  sequence.take(a, segment(1000, 1), kNone);
  CHECK(sequence.fits_reset(b, ack(0, 0, 1001), kNone));
  CHECK_FALSE(sequence.fits_reset(b, ack(0, 0, 1002), kNone));
  CHECK_FALSE(sequence.fits_reset(b, segment(0, 0), kNone));
  CHECK(sequence.fits_reset(a, segment(1001, 0), kNone));
  CHECK_FALSE(sequence.fits_reset(a, segment(1002, 0), kNone));
}

// Two ends send to each other with losses before and behind whoever looks on, who misses some events of what he counts.
TEST_CASE("the numbers of two ends that speak to each other fit, but for those behind a loss; blind ones seldom do") {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same tries each time
  const auto happens = [&random](unsigned percent) { return random() % 100 < percent; };
  struct EndState {
    std::uint32_t next;  // to send
    std::uint32_t received;
  };
  unsigned seen = 0;
  unsigned refused = 0;
  unsigned blind = 0;
  constexpr unsigned kRounds = 200;
  constexpr unsigned kSteps = 300;
  for (unsigned round = 0; round < kRounds; ++round) {
    TcpSequence sequence;
    EndState ends[2] = {{static_cast<std::uint32_t>(random()), 0}, {static_cast<std::uint32_t>(random()), 0}};
    ends[0].received = ends[1].next;
    ends[1].received = ends[0].next;
    TcpSequence::UnseenBytes counted{};
    TcpSequence::UnseenBytes taken{};
    bool fitted_at_last = false;
    for (unsigned step = 0; step < kSteps; ++step) {
      const bool last = step + 10 > kSteps;  // nothing is lost any more
      const std::size_t from = random() % 2;
      EndState& sender = ends[from];
      EndState& receiver = ends[1 - from];
      // Go-back-N: whatever was not received is sent again.
      sender.next = receiver.received;
      std::uint32_t number = sender.next;
      for (unsigned i = random() % 4 + 1; i != 0; --i) {
        const auto length = static_cast<std::uint32_t>(random() % 1400);
        const TcpSegment sent = ack(number, length, sender.received);
        number += length;
        if (!last && happens(10)) {
          continue;  // lost before anybody sees it
        }
        const std::uint32_t bytes = length + 40;
        if (happens(40)) {
          counted[from] += bytes;  // its event is lost
        } else {
          TcpSequence::UnseenBytes unseen = counted;
          unseen[0] -= taken[0];
          unseen[1] -= taken[1];
          const bool fits = sequence.take(from == 0 ? a : b, sent, unseen);
          counted[from] += bytes;
          taken[from] += fits ? bytes : 0;
          ++seen;
          refused += fits ? 0 : 1;
          fitted_at_last = fits;
          blind += sequence.fits(from == 0 ? a : b, segment(static_cast<std::uint32_t>(random()), 0), unseen) ? 1 : 0;
        }
        if ((last || !happens(10)) && receiver.received == sent.sequence) {
          receiver.received += length;
        }
      }
    }
    CAPTURE(round);
    CHECK(fitted_at_last);
  }
  CAPTURE(seen, refused, blind);
  CHECK(refused < seen / 10);
  CHECK(blind < 5);
}

}  // namespace nicsentry::tcp_sequence_test
