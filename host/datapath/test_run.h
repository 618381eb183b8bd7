// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "host/datapath/program.h"

namespace nicsentry {

// Runs a program once on a frame of at least TestRun::kShortestFrame bytes; its verdict. Throws SystemError.
std::uint32_t run_frame(int program_fd, std::span<const std::uint8_t> frame);

// Sends frames through a loaded XDP or TC program in the kernel, without any interface (BPF_PROG_TEST_RUN).
class TestRun {
 public:
  // Keeps the calling thread on one processor, so that events stay in order in one ring.
  explicit TestRun(const Program& program);

  int cpu() const { return cpu_; }
  // Runs one frame of at least kShortestFrame bytes and returns the verdict. What lies beyond kLongestLinear of an XDP
  // program's frame it sees as a further buffer. Throws SystemError.
  std::uint32_t run(std::span<const std::uint8_t> frame);
  // Runs one frame `repeat` times; the mean time of one run in nanoseconds, as the kernel measured it.
  std::uint32_t time(std::span<const std::uint8_t> frame, std::uint32_t repeat);

  static constexpr std::size_t kShortestFrame = 14;    // ETH_HLEN
  static constexpr std::size_t kLongestLinear = 3500;  // a page less XDP_PACKET_HEADROOM and skb_shared_info

 private:
  int program_fd_;
  int cpu_;
};

}  // namespace nicsentry
