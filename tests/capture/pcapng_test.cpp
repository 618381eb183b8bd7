// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/capture/capture_file.h"
#include "host/capture/interface_clock.h"
#include "tests/capture/capture_builder.h"

namespace nicsentry::pcapng_test {
namespace {

using namespace capture_test;

struct ReadPacket {
  TimestampNs timestamp_ns;
  std::uint32_t wire_bytes;
  Octets bytes;
};

struct ReadFile {
  std::vector<ReadPacket> packets;
  std::string damage;
};

ReadFile read_all(const Octets& bytes) {
  const TemporaryDirectory directory;
  CaptureFile file(directory.write("capture.pcapng", bytes));
  ReadFile read;
  CapturedFrame frame;
  while (file.next(frame)) {
    read.packets.push_back({frame.timestamp_ns, frame.wire_bytes, {frame.bytes.begin(), frame.bytes.end()}});
  }
  read.damage = file.damage();
  return read;
}

const Octets kFrame = ethernet_frame(0x0800, ipv4_packet());

TEST_CASE("interfaces of a pcapng file have snap lengths and link types of their own") {
  const ReadFile read =
      read_all(section() + interface(1, 262144) + interface(228, 65535) + enhanced(0, 1'700'000'000'000'000, kFrame) +
               enhanced(1, 1'700'000'000'000'001, ipv4_packet()));
  CHECK(read.damage.empty());
  REQUIRE(read.packets.size() == 2);
  CHECK(read.packets[0].timestamp_ns == 1'700'000'000'000'000'000);
  CHECK(read.packets[1].timestamp_ns == 1'700'000'000'000'001'000);
  CHECK(read.packets[0].bytes == kFrame);
  CHECK(Octets(read.packets[1].bytes.begin() + 14, read.packets[1].bytes.end()) == ipv4_packet());
  CHECK(read.packets[1].wire_bytes == 14 + ipv4_packet().size());
}

TEST_CASE("a pcapng file may have sections of both orders of bytes, and blocks that nobody reads") {
  const Octets unknown = block(0x0bad, Octets(100'000, 7));
  const ReadFile read = read_all(section() + interface(1, 0) + unknown + enhanced(0, 5, kFrame) + section(Order::big) +
                                 interface(1, 0, {}, Order::big) + enhanced(0, 6, kFrame, Order::big));
  CHECK(read.damage.empty());
  REQUIRE(read.packets.size() == 2);
  CHECK(read.packets[1].timestamp_ns == 6000);
  CHECK(read.packets[1].bytes == kFrame);
}

TEST_CASE("a section header that lies across the end of the reader's buffer is read") {
  constexpr std::size_t kBufferBytes = 65536;
  const Octets before = section() + interface(1, 0) + enhanced(0, 5, kFrame);
  const Octets behind = section(Order::big) + interface(1, 0, {}, Order::big) + enhanced(0, 6, kFrame, Order::big) +
                        block(0x0bad, Octets(100'000, 7), Order::big);
  for (std::size_t in_buffer = 0; in_buffer <= 32; in_buffer += 4) {
    INFO(in_buffer);
    const Octets filler = block(0x0bad, Octets(kBufferBytes - in_buffer - before.size() - 12, 7));
    const ReadFile read = read_all(before + filler + behind);
    CHECK(read.damage.empty());
    CHECK(read.packets.size() == 2);
  }
}

TEST_CASE("simple and obsolete packet blocks are read; a packet without a time has that of the one before it") {
  const auto length = static_cast<std::uint32_t>(kFrame.size());
  const Octets obsolete = block(2, numbers32({0x0003'0000, 0, 9, length, length + 100}) + kFrame);
  const Octets simple = block(3, numbers32({length + 50}) + kFrame);
  const ReadFile read = read_all(section() + interface(1, length) + obsolete + simple);
  CHECK(read.damage.empty());
  REQUIRE(read.packets.size() == 2);
  CHECK(read.packets[0].timestamp_ns == 9000);
  CHECK(read.packets[0].wire_bytes == length + 100);
  CHECK(read.packets[1].timestamp_ns == 9000);
  CHECK(read.packets[1].bytes == kFrame);
  CHECK(read.packets[1].wire_bytes == length + 50);
}

TEST_CASE("the clock of a pcapng interface has the resolution and the offset that its options give") {
  const auto time_with = [](std::uint8_t resolution, std::int64_t offset_s, std::uint64_t ticks) {
    const Octets options = option(9, {resolution}) + option(2, {'e', 't', 'h'}) +
                           option(14, number(static_cast<std::uint64_t>(offset_s), 8, Order::little)) + option(0, {});
    const ReadFile read = read_all(section() + interface(1, 0, options) + enhanced(0, ticks, kFrame));
    REQUIRE(read.packets.size() == 1);
    return read.packets[0].timestamp_ns;
  };
  CHECK(time_with(9, 0, 1'700'000'000'123'456'789) == 1'700'000'000'123'456'789);
  CHECK(time_with(0, 0, 1'700'000'000) == 1'700'000'000'000'000'000);
  CHECK(time_with(12, 0, 5'000'000'000'999) == 5'000'000'000);
  CHECK(time_with(0x80 | 10, 0, 3 * 1024 + 512) == 3'500'000'000);
  CHECK(time_with(0x80 | 32, 0, (std::uint64_t{7} << 32) + (1U << 31)) == 7'500'000'000);
  CHECK(time_with(6, 1000, 5) == 1'000'000'005'000);
  CHECK(time_with(6, -1, 1'500'000) == 500'000'000);
}

TEST_CASE("a time stamp that is not between 1970 and 2262 is an error that names the packet") {
  for (const auto& [ticks, offset_s] : {std::pair{0xffff'ffff'ffff'fff0U, std::int64_t{0}},
                                        std::pair{std::uint64_t{0x7fff'ffff'ffff'ffff}, std::int64_t{0}},
                                        std::pair{std::uint64_t{9'223'372'036'854'776}, std::int64_t{0}},
                                        std::pair{std::uint64_t{5}, std::int64_t{-1}}}) {
    InterfaceClock clock;
    clock.set_offset_s(offset_s);
    CHECK_FALSE(clock.time_of(ticks));
  }
  InterfaceClock nanoseconds;
  nanoseconds.set_resolution(9);
  CHECK(nanoseconds.time_of(0x7fff'ffff'ffff'fffe) == 0x7fff'ffff'ffff'fffe);
  CHECK_FALSE(nanoseconds.time_of(0x7fff'ffff'ffff'ffff));  // its window has no end
  const ReadFile read = read_all(section() + interface(1, 0) + enhanced(0, 1, kFrame) +
                                 enhanced(0, 0xffff'ffff'ffff'fff0, kFrame) + enhanced(0, 2, kFrame));
  CHECK(read.packets.size() == 1);
  CHECK_THAT(read.damage, Catch::Contains("packet 2, byte") && Catch::Contains("time stamp"));
}

TEST_CASE("damage in a pcapng file is an error that names the place, and what came before it is read") {
  const Octets good = section() + interface(1, 0) + enhanced(0, 1, kFrame);
  const std::string at = "packet 2, byte " + std::to_string(good.size()) + ": ";
  Octets two_lengths = enhanced(0, 2, kFrame);
  two_lengths[two_lengths.size() - 4] ^= 0x10;
  Octets long_capture = enhanced(0, 2, kFrame);
  long_capture[20] = 0xff;
  const Octets cut = enhanced(0, 2, kFrame);
  for (const auto& [bytes, reason] :
       {std::pair{two_lengths, "lengths of a block differ"}, std::pair{long_capture, "beyond its block"},
        std::pair{enhanced(7, 2, kFrame), "names interface 7"}, std::pair{numbers32({6, 7}), "length of 7"},
        std::pair{numbers32({6, 0xffff'fff0}), "file ends"},
        std::pair{Octets(cut.begin(), cut.end() - 20), "file ends"},
        std::pair{block(1, {1, 0}), "longer than its block"},
        std::pair{block(0x0a0d0d0a, numbers32({0x0bad, 0, 0, 0})), "byte-order magic"},
        std::pair{interface(1, 0, {9, 0, 0xff, 0xff}), "option is longer"}}) {
    INFO(reason);
    const ReadFile read = read_all(good + bytes);
    CHECK(read.packets.size() == 1);
    CHECK_THAT(read.damage, Catch::Contains(at) && Catch::Contains(reason));
  }
}

TEST_CASE("a section has a bounded number of interfaces, the next one begins anew") {
  const Octets one = interface(1, 0);
  Octets full = section();
  for (int i = 0; i < 65536; ++i) full.insert(full.end(), one.begin(), one.end());
  const Octets last = enhanced(65535, 1, kFrame);
  const ReadFile two_sections = read_all(full + last + full + last);
  CHECK(two_sections.damage.empty());
  CHECK(two_sections.packets.size() == 2);
  const ReadFile too_many = read_all(full + last + one);
  CHECK(too_many.packets.size() == 1);
  CHECK_THAT(too_many.damage, Catch::Contains("more than 65536 interfaces"));
}

TEST_CASE("packets of link types that are not read are counted and named, the others are read") {
  const ReadFile read = read_all(section() + interface(187, 0) + interface(1, 0) + enhanced(0, 1, kFrame) +
                                 enhanced(1, 2, kFrame) + enhanced(0, 3, kFrame));
  CHECK(read.packets.size() == 1);
  CHECK_THAT(read.damage, Catch::Contains("2 packets of link type 187"));
}

}  // namespace
}  // namespace nicsentry::pcapng_test
