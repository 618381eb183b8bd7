// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "host/capture/capture_file.h"

namespace nicsentry {

// The treatment of a frame that is shorter on the wire than its IP length says.
enum class CutFrames : std::uint8_t { truncated, by_ip_length };

// A captured frame as the program gets it.
struct ReplayFrame {
  std::vector<std::uint8_t> bytes;    // at most TestRun::kLongestLinear
  bool partial = false;               // the program must not hold the IP length against these bytes
  bool cut = false;                   // the frame is shorter on the wire than its IP length says
  std::uint64_t missing_frame = 0;    // bytes of a truncated frame that are not in `bytes`
  std::uint32_t missing_payload = 0;  // bytes of the IP packet that the program cannot count
};

// Fills `out`. What a snap length cut off is payload: the frame goes to the program as long as it was on the wire, or
// as long as the program can see it. A frame that was cut within its headers goes as it is. An IPv4 packet of total
// length 0 (segmentation offload, BIG TCP) is as long as its frame, as tcpdump and Wireshark have it.
void prepare_frame(const CapturedFrame& frame, CutFrames cut_frames, ReplayFrame& out);

}  // namespace nicsentry
