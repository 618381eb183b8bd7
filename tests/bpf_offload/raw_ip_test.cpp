// SPDX-License-Identifier: GPL-2.0-or-later
// The programs for packets without an Ethernet header, beside the naive parser. A test run takes the EtherType from the
// packet's 13th and 14th byte, which belong to the source address, so that is chosen to say it.
#include <catch2/catch.hpp>

#include "tests/bpf_offload/fixtures.h"

namespace nicsentry::testing {
namespace {

constexpr std::array kRawIpObjects = {ObjectName{Profile::ddos, Target::raw_ip},
                                      ObjectName{Profile::crypto, Target::raw_ip},
                                      ObjectName{Profile::all, Target::raw_ip}};
constexpr std::size_t kEtherType = 12;
constexpr std::size_t kInSource = 14 + 12;

// The fixtures behind an Ethernet header without tags, under a source address that begins with the EtherType (IPv6: in
// its third word), and header of which all that a made one has is 0.
std::vector<Bytes> frames() {
  std::vector<Bytes> made;
  for (const Fixture& fixture : fixtures()) {
    Bytes frame = fixture.frame;
    if (frame.size() <= kInSource + 1) continue;
    const unsigned type = frame[kEtherType] * 256U + frame[kEtherType + 1];
    if (type != 0x0800 && type != 0x86dd) continue;
    std::fill(frame.begin(), frame.begin() + kEtherType, std::uint8_t{0});
    frame[kInSource] = frame[kEtherType];
    frame[kInSource + 1] = frame[kEtherType + 1];
    made.push_back(std::move(frame));
  }
  return made;
}

void check(const Situation& situation) {
  for (const ObjectName& object : kRawIpObjects) {
    Bench& bench = Bench::shared(object);
    std::size_t asked = 0;
    std::size_t parsed = 0;
    for (const Bytes& frame : frames()) {
      if (!bench.takes(frame)) continue;
      const Reading reading = read_naively(frame, object.tracks_icmp(), false);
      INFO(object.text());
      CHECK(bench.differences(frame, reading, situation) == "");
      ++asked;
      parsed += reading.cause ? 0 : 1;
    }
    CHECK(asked > 50);
    CHECK(parsed > 20);
  }
}

TEST_CASE("without an Ethernet header a packet of an unknown session counts and is sent, any other on its cause") {
  check({.epoch = 1});
}

TEST_CASE("without an Ethernet header a packet of a known session counts on it, and a muted one is silent") {
  check({.epoch = 3, .counter = 7});
  check({.epoch = 5, .counter = 7, .muted_epoch = 5});
}

}  // namespace
}  // namespace nicsentry::testing
