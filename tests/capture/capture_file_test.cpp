// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/capture_file.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nicsentry::capture_file_test {
namespace {

// A capture of one frame, of which `captured` bytes are there, with a length on the wire that need not make sense.
class OneFrame {
 public:
  OneFrame(std::uint32_t link_type, std::uint32_t captured, std::uint32_t on_wire) {
    std::string name = (std::filesystem::temp_directory_path() / "capture_file_test.XXXXXX").string();
    const int fd = mkstemp(name.data());
    REQUIRE(fd >= 0);
    path = name;
    const std::vector<std::uint32_t> words = {0xa1b2c3d4, 0x00040002, 0, 0, 0xffff, link_type, 1, 0, captured, on_wire};
    std::vector<std::uint8_t> bytes(words.size() * sizeof(std::uint32_t) + captured, 0x45);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(words.data()), words.size() * sizeof(std::uint32_t),
                bytes.begin());
    REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    close(fd);
  }
  ~OneFrame() { std::filesystem::remove(path); }
  OneFrame(const OneFrame&) = delete;
  OneFrame& operator=(const OneFrame&) = delete;

  std::filesystem::path path;
};

TEST_CASE("a frame is at least as long on the wire as what was captured of it, whatever the file says") {
  constexpr std::uint32_t kEthernet = 1;
  constexpr std::uint32_t kRaw = 12;
  constexpr std::uint32_t kCooked = 113;
  for (const std::uint32_t link_type : {kEthernet, kRaw, kCooked}) {
    for (const std::uint32_t on_wire : {0U, 1U, 60U, 1500U, 0xFFFFFFF0U, 0xFFFFFFFFU}) {
      INFO(link_type << ", " << on_wire);
      const OneFrame capture(link_type, 60, on_wire);
      CaptureFile file(capture.path);
      CapturedFrame frame;
      REQUIRE(file.next(frame));
      CHECK(frame.wire_bytes >= frame.bytes.size());
    }
  }
}

}  // namespace
}  // namespace nicsentry::capture_file_test
