// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/capture_merge.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "tests/capture/capture_builder.h"

namespace nicsentry::capture_merge_test {
namespace {

using namespace capture_test;

Octets capture_at(std::initializer_list<std::uint32_t> seconds) {
  Octets bytes = classic_header(1);
  for (const std::uint32_t second : seconds) {
    bytes = bytes + classic_packet(second, 0, ethernet_frame(0x0800, ipv4_packet()));
  }
  return bytes;
}

std::vector<std::int64_t> seconds_of(CaptureMerge& captures) {
  std::vector<std::int64_t> seconds;
  CapturedFrame frame;
  while (captures.next(frame)) seconds.push_back(frame.timestamp_ns / 1'000'000'000);
  return seconds;
}

TEST_CASE("captures are merged by time, and a file that cannot be read does not stop the others") {
  const TemporaryDirectory directory;
  const auto a = directory.write("a.pcap", capture_at({1, 4, 9}));
  const auto garbage = directory.write("garbage.pcap", Octets(100, 'x'));
  const auto b = directory.write("b.pcap", capture_at({2, 4, 5}) + Octets{1, 2, 3});
  CaptureMerge captures({a, garbage, directory.path / "missing.pcap", b});
  CHECK(seconds_of(captures) == std::vector<std::int64_t>{1, 2, 4, 4, 5, 9});
  const auto failures = captures.failures();
  REQUIRE(failures.size() == 3);
  CHECK_THAT(failures[0], Catch::Contains("garbage.pcap"));
  CHECK_THAT(failures[1], Catch::Contains("missing.pcap"));
  CHECK_THAT(failures[2], Catch::Contains("b.pcap") && Catch::Contains("packet 4"));
  CHECK(captures.out_of_order().packets == 0);
}

TEST_CASE("a directory stands for the captures in it; its other files are passed over") {
  const TemporaryDirectory directory;
  directory.write("2.pcap", capture_at({5}));
  directory.write("1.pcap", capture_at({5, 6}));
  directory.write("notes.txt", Octets(50, 'n'));
  directory.write("empty", {});
  std::filesystem::create_directory(directory.path / "within");
  CaptureMerge captures({directory.path});
  CHECK(seconds_of(captures) == std::vector<std::int64_t>{5, 5, 6});
  CHECK(captures.failures().empty());

  CaptureMerge none({directory.path / "within"});
  CHECK(seconds_of(none).empty());
  REQUIRE(none.failures().size() == 1);
  CHECK_THAT(none.failures()[0], Catch::Contains("within") && Catch::Contains("no capture"));
}

TEST_CASE("in a directory, what is no file is passed over, and a capture whose beginning is damaged is named") {
  const TemporaryDirectory directory;
  const auto capture = directory.write("1.pcap", capture_at({5}));
  std::filesystem::create_symlink(capture, directory.path / "2.pcap");
  std::filesystem::create_symlink("loop.pcap", directory.path / "loop.pcap");
  std::filesystem::create_symlink("missing", directory.path / "dangling.pcap");
  std::filesystem::create_directory_symlink(directory.path, directory.path / "within");
  REQUIRE(mkfifo((directory.path / "pipe.pcap").c_str(), 0600) == 0);  // nobody writes: to open it would wait for ever
  directory.write("cut.pcap.gz", {0x1f, 0x8b, 8, 0, 0});
  directory.write("cut.pcap.zst", {0x28, 0xb5, 0x2f, 0xfd, 0});
  CaptureMerge captures({directory.path});
  CHECK(seconds_of(captures) == std::vector<std::int64_t>{5, 5});
  const auto failures = captures.failures();
  REQUIRE(failures.size() == 2);
  CHECK_THAT(failures[0], Catch::Contains("cut.pcap.gz: gzip data cut off at byte 5"));
  CHECK_THAT(failures[1], Catch::Contains("cut.pcap.zst: zstd data cut off at byte 5"));
}

TEST_CASE("of many captures only those are open whose time has come") {
  const TemporaryDirectory directory;
  std::vector<std::filesystem::path> paths;
  constexpr std::uint32_t kFiles = 100;
  for (std::uint32_t i = 0; i < kFiles; ++i) {
    paths.push_back(directory.write(std::to_string(i) + ".pcap", capture_at({1000 - 2 * i, 1001 - 2 * i})));
  }
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_files();
  CaptureMerge captures(paths);
  CHECK(open_files() == before);
  CapturedFrame frame;
  TimestampNs last = 0;
  std::size_t frames = 0;
  while (captures.next(frame)) {
    CHECK(frame.timestamp_ns >= last);
    CHECK(open_files() <= before + 1);
    last = frame.timestamp_ns;
    ++frames;
  }
  CHECK(frames == 2 * kFiles);
  CHECK(captures.bytes_read() == captures.bytes_in_all());
}

TEST_CASE("time that goes back is counted, and the first packet out of order is named") {
  const TemporaryDirectory directory;
  CaptureMerge captures({directory.write("back.pcap", capture_at({7000, 7001, 3400, 7001, 6000}))});
  CHECK(seconds_of(captures) == std::vector<std::int64_t>{7000, 7001, 3400, 7001, 6000});
  CHECK(captures.out_of_order().packets == 2);
  CHECK_THAT(captures.out_of_order().first,
             Catch::Contains("packet 3 of") && Catch::Contains("back.pcap") && Catch::Contains("3601.000000000 s"));
}

TEST_CASE("standard input is read once") { CHECK_THROWS_AS(CaptureMerge({"-", "-"}), Error); }

}  // namespace
}  // namespace nicsentry::capture_merge_test
