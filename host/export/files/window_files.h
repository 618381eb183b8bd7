// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/export/files/writer.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"
#include "host/run/subscriber.h"

namespace nicsentry {

// What became of a window's files.
struct WindowOutcome {
  std::uint64_t number = 0;
  std::vector<std::filesystem::path> files;
  std::vector<std::string> errors;
};

// The outcomes of the latest windows, for whoever waits for one. Any thread.
class WindowOutcomes {
 public:
  void add(WindowOutcome outcome);
  // Nothing where the window's outcome is not there in time, or is long past.
  std::optional<WindowOutcome> wait_for(std::uint64_t number, std::chrono::milliseconds limit);
  // Whoever waits gets nothing from now on.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<WindowOutcome> latest_;
  bool closed_ = false;
};

// Writes windows to files in several formats. One thread at a time.
class WindowFiles {
 public:
  // Makes the directories and starts the growing files. Throws SystemError.
  WindowFiles(const std::vector<Format>& formats, Profile profile, const std::filesystem::path& directory);

  // Each format by itself: one that fails does not keep the others from being written.
  WindowOutcome write(const WindowReport& report);

 private:
  std::vector<std::unique_ptr<WindowWriter>> writers_;
};

// A subscriber that writes windows to files and puts each outcome into `outcomes`; a window that found the queue full,
// or could not be written, has an error there. `failed` is called with each error of writing, on the subscriber's
// thread.
std::shared_ptr<Subscriber<WindowReport>> subscribe_files(std::shared_ptr<WindowFiles> files,
                                                          std::shared_ptr<WindowOutcomes> outcomes, bool wait_when_full,
                                                          std::function<void(const std::string& error)> failed);

}  // namespace nicsentry
