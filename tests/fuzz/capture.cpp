// SPDX-License-Identifier: GPL-2.0-or-later
// A capture file: it is read frame by frame up to its end or its damage, or refused. Each frame is parsed.
#include "host/capture/capture_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/packet/parser.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using nicsentry::fuzz::require;
  const nicsentry::UniqueFd file(memfd_create("capture", 0));
  require(write(file.get(), data, size) == static_cast<ssize_t>(size), "the input is in a file");
  try {
    nicsentry::CaptureFile capture("/proc/self/fd/" + std::to_string(file.get()));
    nicsentry::CapturedFrame frame;
    while (capture.next(frame)) {
      require(frame.wire_bytes >= frame.bytes.size(), "no more of a frame is captured than was on the wire");
      nicsentry::parse_packet(frame.bytes);
    }
  } catch (const nicsentry::Error& error) {
    require(error.what()[0] != '\0', "an error has a text");
  }
  return 0;
}
