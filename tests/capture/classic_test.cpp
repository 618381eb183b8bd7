// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/capture/capture_file.h"
#include "tests/capture/capture_builder.h"

namespace nicsentry::classic_test {
namespace {

using namespace capture_test;

const Octets kFrame = ethernet_frame(0x0800, ipv4_packet());

TEST_CASE("classic captures of either order of bytes have microseconds or nanoseconds, and unsigned seconds") {
  for (const Order order : {Order::little, Order::big}) {
    for (const auto& [magic, fraction_ns] : {std::pair{0xa1b2c3d4U, 1000}, std::pair{0xa1b23c4dU, 1}}) {
      const TemporaryDirectory directory;
      CaptureFile file(directory.write(
          "capture.pcap", classic_header(1, order, magic) + classic_packet(2'177'452'800, 999'999, kFrame, order)));
      CapturedFrame frame;
      REQUIRE(file.next(frame));
      CHECK(frame.timestamp_ns == 2'177'452'800'000'000'000 + 999'999 * fraction_ns);
      CHECK(Octets(frame.bytes.begin(), frame.bytes.end()) == kFrame);
      CHECK_FALSE(file.next(frame));
      CHECK(file.damage().empty());
    }
  }
}

TEST_CASE("records of the longer classic variant have their headers passed over") {
  const auto length = static_cast<std::uint32_t>(kFrame.size());
  const Octets record = numbers32({5, 6, length, length, 1, 2}) + kFrame;
  const TemporaryDirectory directory;
  CaptureFile file(directory.write("capture.pcap", classic_header(1, Order::little, 0xa1b2cd34) + record + record));
  CapturedFrame frame;
  REQUIRE(file.next(frame));
  REQUIRE(file.next(frame));
  CHECK(Octets(frame.bytes.begin(), frame.bytes.end()) == kFrame);
}

TEST_CASE("old classic captures have the two lengths of a packet the other way round, always or now and then") {
  const auto captured = static_cast<std::uint32_t>(kFrame.size());
  const std::uint32_t wire = captured + 100;
  for (const auto& [minor, first, second] : {std::tuple{2, wire, captured}, std::tuple{3, wire, captured},
                                             std::tuple{3, captured, wire}, std::tuple{4, captured, wire}}) {
    INFO(minor << ", " << first);
    Octets header = classic_header(1);
    header[6] = static_cast<std::uint8_t>(minor);
    const TemporaryDirectory directory;
    CaptureFile file(directory.write("capture.pcap", header + numbers32({1, 0, first, second}) + kFrame));
    CapturedFrame frame;
    REQUIRE(file.next(frame));
    CHECK(frame.bytes.size() == captured);
    CHECK(frame.wire_bytes == wire);
    CHECK_FALSE(file.next(frame));
    CHECK(file.damage().empty());
  }
}

TEST_CASE("the frame check sequence's length beside the link type is no part of it") {
  const TemporaryDirectory directory;
  CaptureFile file(directory.write("capture.pcap", classic_header(0x5400'0001) + classic_packet(1, 0, kFrame)));
  CapturedFrame frame;
  CHECK(file.next(frame));
}

TEST_CASE("of a long packet the first bytes are kept, and the next one is found") {
  Octets longer = kFrame;
  longer.resize(200'000);
  const TemporaryDirectory directory;
  CaptureFile file(
      directory.write("capture.pcap", classic_header(1) + classic_packet(1, 0, longer) + classic_packet(2, 0, kFrame)));
  CapturedFrame frame;
  REQUIRE(file.next(frame));
  CHECK(frame.bytes.size() == kRecordBytesKept);
  CHECK(frame.wire_bytes == longer.size());
  REQUIRE(file.next(frame));
  CHECK(frame.bytes.size() == kFrame.size());
}

TEST_CASE("damage in a classic capture is an error that names the place") {
  const Octets good = classic_header(1) + classic_packet(1, 0, kFrame);
  const Octets cut = classic_packet(2, 0, kFrame);
  for (const auto& [bytes, reason] : {std::pair{Octets(cut.begin(), cut.begin() + 7), "within a packet's header"},
                                      std::pair{Octets(cut.begin(), cut.begin() + 20), "within a packet"},
                                      std::pair{numbers32({2, 0, 0x7fff'ffff, 60}), "beyond the snap length"}}) {
    INFO(reason);
    const TemporaryDirectory directory;
    CaptureFile file(directory.write("capture.pcap", good + bytes));
    CapturedFrame frame;
    CHECK(file.next(frame));
    CHECK_FALSE(file.next(frame));
    CHECK_FALSE(file.next(frame));
    CHECK_THAT(file.damage(), Catch::Contains("capture.pcap") && Catch::Contains(reason) &&
                                  Catch::Contains("packet 2, byte " + std::to_string(good.size())));
  }
}

TEST_CASE("what is no capture is refused with its name") {
  const TemporaryDirectory directory;
  Octets other_version = classic_header(1);
  other_version[4] = 1;
  for (const Octets& bytes : {Octets{}, Octets(500, 'x'), Octets{0xd4, 0xc3, 0xb2, 0xa1, 2}, other_version}) {
    CHECK_THROWS_WITH(CaptureFile(directory.write("capture.pcap", bytes)), Catch::Contains("capture.pcap"));
  }
  CHECK_THROWS_WITH(CaptureFile(directory.path / "missing.pcap"), Catch::Contains("missing.pcap"));
}

}  // namespace
}  // namespace nicsentry::classic_test
