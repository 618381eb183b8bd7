// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/analysis/packet_record.h"
#include "host/app/replay_frame.h"
#include "host/capture/capture_merge.h"
#include "host/datapath/program.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"

namespace nicsentry {

// Packets that a mirror copied twice, see Duplicates.
enum class Copies : std::uint8_t { counted, left_out };

// A window that ends with the captures.
inline constexpr std::chrono::nanoseconds kWholeCapture = std::chrono::nanoseconds::max();

struct ReplayOptions {
  std::vector<std::filesystem::path> captures;  // see list_captures()
  Profile profile = Profile::all;
  std::chrono::nanoseconds window{};
  std::uint64_t cap = 100;
  std::uint32_t sessions = 0;
  CutFrames cut_frames = CutFrames::truncated;
  Copies copies = Copies::counted;
  Vlans vlans = Vlans::ignored;
};

struct ReplaySummary {
  std::uint64_t packets = 0;            // without the copies
  std::uint64_t sessions = 0;           // distinct ones
  std::uint64_t windows = 0;            // with packets
  std::uint64_t copies = 0;             // left out
  std::uint64_t features_left_out = 0;  // of packets that were captured beyond a window's memory
  OutOfOrder out_of_order;
  std::vector<std::string> failures;  // why captures were not read, or not to their ends
};

// Sends captures through the compiled program in the kernel, on the captures' clock: the first window begins with the
// first packet; windows without a packet are counted but not reported. The same captures give the same reports.
// `on_progress` is called now and then with bytes read and bytes in all. Throws Error.
ReplaySummary replay(const ReplayOptions& options, const std::function<void(WindowReport)>& on_window,
                     const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);

}  // namespace nicsentry
