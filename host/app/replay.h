// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/datapath/program.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"

namespace nicsentry {

struct ReplayOptions {
  std::vector<std::filesystem::path> captures;
  Profile profile = Profile::all;
  std::chrono::nanoseconds window{};
  std::uint64_t cap = 100;
  std::uint32_t sessions = 0;
};

struct ReplaySummary {
  std::uint64_t packets = 0;   // in the captures
  std::uint64_t sessions = 0;  // distinct ones
  std::uint64_t windows = 0;   // with packets
  std::vector<std::string> damages;
};

// Sends captures through the compiled program in the kernel, on the captures' clock: the first window begins with the
// first packet; windows without a packet are counted but not reported. The same captures give the same reports.
// `on_progress` is called now and then with bytes read and bytes in all. Throws Error.
ReplaySummary replay(const ReplayOptions& options, const std::function<void(WindowReport)>& on_window,
                     const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);

}  // namespace nicsentry
