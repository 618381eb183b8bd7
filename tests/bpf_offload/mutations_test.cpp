// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "tests/bpf_offload/fixtures.h"
#include "tests/support/tries.h"

namespace nicsentry::testing {
namespace {

const int kFrames = tries(4000, 400);  // an object, each other ones
constexpr int kReported = 5;

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

void flip_byte(Random& random, Bytes& frame) {
  // Mostly where headers are.
  const std::size_t reach = below(random, 4) == 0 ? frame.size() : std::min<std::size_t>(frame.size(), 110);
  frame[12 + below(random, reach - 12)] ^= static_cast<std::uint8_t>(1 + below(random, 255));
}

void cut_somewhere(Random& random, Bytes& frame) { frame.resize(14 + below(random, frame.size() - 13)); }

// Lengths, types and protocols of the untagged layout, with values near those that decide something.
void edit_field(Random& random, Bytes& frame) {
  static constexpr std::array<std::uint8_t, 24> kValues = {0,  1,  4,  5,  6,  8,  15,   17,   19,   20,   27,   28,
                                                           39, 40, 43, 44, 58, 60, 0x44, 0x45, 0x4f, 0x50, 0x60, 0xff};
  static constexpr std::array<std::size_t, 15> kOffsets = {12, 13, 14, 16, 17, 18, 19, 20, 21, 23, 46, 54, 55, 66, 62};
  const std::size_t offset = kOffsets[below(random, kOffsets.size())];
  if (offset < frame.size()) {
    frame[offset] = kValues[below(random, kValues.size())];
  }
}

Bytes mutate(Random& random, Bytes frame) {
  const std::size_t changes = 1 + below(random, 3);
  for (std::size_t i = 0; i < changes; ++i) {
    switch (below(random, 5)) {
      case 0:
      case 1:
        flip_byte(random, frame);
        break;
      case 2:
        cut_somewhere(random, frame);
        break;
      default:
        edit_field(random, frame);
    }
  }
  return frame;
}

TEST_CASE("mutated packets are read as the test's own parser reads them") {
  Random random(20240602);
  for (const ObjectName& object : kObjects) {
    Bench& bench = Bench::shared(object);
    int reported = 0;
    std::array<int, CAUSES + 1> seen{};
    for (int i = 0; i < kFrames && reported < kReported; ++i) {
      const Bytes frame = mutate(random, fixtures()[below(random, fixtures().size())].frame);
      if (!bench.takes(frame)) continue;
      const Reading reading = read_naively(frame, object.tracks_icmp(), object.target == Target::card);
      ++seen[static_cast<std::size_t>(reading.cause.value_or(CAUSES))];
      const auto epoch = static_cast<std::uint32_t>(i + 1);
      std::string differences = bench.differences(frame, reading, {.epoch = epoch});
      if (!reading.cause) {
        differences += bench.differences(frame, reading, {.epoch = epoch, .counter = 5});
      }
      if (!differences.empty()) {
        INFO(object.text() << ", packet " << i);
        CHECK(differences == "");
        ++reported;
      }
    }
    // Each kind was there, or the mutations are no test.
    for (std::size_t kind = 0; kind < seen.size(); ++kind) {
      INFO(object.text() << ", kind " << kind);
      CHECK(seen[kind] > kFrames / 500);
    }
  }
}

}  // namespace
}  // namespace nicsentry::testing
