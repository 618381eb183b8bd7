// SPDX-License-Identifier: GPL-2.0-or-later
// A capture file: it is read frame by frame up to its end or its damage, or refused. Each frame is parsed, and prepared
// for the program.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "host/app/replay_frame.h"
#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/capture/capture_file.h"
#include "host/datapath/test_run.h"
#include "host/packet/parser.h"
#include "tests/fuzz/fuzz.h"

namespace {

// A record of a classic file, or a block of pcapng, has at least so many bytes.
constexpr std::size_t kShortestRecord = 12;
// How many bytes a byte of a compressed file can stand for: a zstd block of 4 bytes repeats a byte 2^17 times.
constexpr std::size_t kMostExpanded = 32768;

void read_capture(const std::string& path, std::size_t size, nicsentry::Tunnels tunnels) {
  using nicsentry::fuzz::require;
  nicsentry::CaptureFile capture(path, tunnels);
  nicsentry::CapturedFrame frame;
  nicsentry::ReplayFrame prepared;
  while (capture.next(frame)) {
    require(frame.wire_bytes >= frame.bytes.size(), "no more of a frame is captured than was on the wire");
    require(frame.bytes.size() <= nicsentry::kRecordBytesKept + 14, "a frame's bytes are bounded");
    require(frame.timestamp_ns >= 0, "a time is not before 1970");
    nicsentry::parse_packet(frame.bytes);
    for (const auto cut : {nicsentry::CutFrames::truncated, nicsentry::CutFrames::by_ip_length}) {
      nicsentry::prepare_frame(frame, cut, prepared);
      require(prepared.bytes.size() <= nicsentry::TestRun::kLongestLinear, "the program gets what it can see");
    }
  }
  require(capture.bytes_read() <= size, "no more is read than there is");
  require(capture.packets() <= kMostExpanded * size / kShortestRecord + 1,
          "packets are as many as the file has room for");
  require(!capture.next(frame), "a file that has ended stays so");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using nicsentry::fuzz::require;
  const nicsentry::UniqueFd file(memfd_create("capture", 0));
  require(write(file.get(), data, size) == static_cast<ssize_t>(size), "the input is in a file");
  for (const auto tunnels : {nicsentry::Tunnels::kept, nicsentry::Tunnels::stepped_over}) {
    try {
      read_capture("/proc/self/fd/" + std::to_string(file.get()), size, tunnels);
    } catch (const nicsentry::Error& error) {
      require(error.what()[0] != '\0', "an error has a text");
    }
  }
  return 0;
}
