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

#include "host/export/files/file_keeper.h"
#include "host/export/files/output_lock.h"
#include "host/export/files/writer.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"
#include "host/run/subscriber.h"

namespace nicsentry {

// The result of writing a window's files.
struct WindowOutcome {
  std::uint64_t number = 0;
  std::vector<std::filesystem::path> files;
  std::vector<std::string> errors;
  std::uint64_t sessions_left_out = 0;  // beyond OutputPlace::seed_csv_files
  std::chrono::nanoseconds took{};
};

// The outcomes of the latest windows, for threads that wait for one. Any thread.
class WindowOutcomes {
 public:
  void add(WindowOutcome outcome);
  // Returns nullopt if the outcome does not arrive in time, or is too old.
  std::optional<WindowOutcome> wait_for(std::uint64_t number, std::chrono::milliseconds limit);
  // Ends all waits, present and future, with nullopt.
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
  // Makes the directories and the growing files, or continues those of an earlier run. Throws Error, also where another
  // process writes its windows in the directory.
  WindowFiles(const std::vector<Format>& formats, Profile profile, const OutputPlace& place);

  // The number after the highest of an earlier run's windows in the directory; 0: there is none.
  std::uint64_t next_window() const;

  // Writes each format independently: the failure of one does not stop the others.
  WindowOutcome write(const WindowReport& report);

 private:
  void write(WindowWriter& writer, const WindowReport& report, WindowOutcome& outcome);

  OutputLock lock_;
  std::unique_ptr<FileKeeper> keeper_;  // null: files are neither rotated nor removed
  std::vector<std::unique_ptr<WindowWriter>> writers_;
  std::uint64_t rotated_next_ = 0;  // the number after those of rotated files
};

// How many windows may wait for files to be written.
QueueLimits window_files_limits(bool wait_when_full);

// Makes a subscriber that writes windows to files and puts each outcome into `outcomes`. The outcome has an error if
// the window found the queue full or could not be written. Calls `written` with each outcome of writing, on the
// subscriber's thread.
std::shared_ptr<Subscriber<WindowReport>> subscribe_files(std::shared_ptr<WindowFiles> files,
                                                          const std::shared_ptr<WindowOutcomes>& outcomes,
                                                          bool wait_when_full,
                                                          std::function<void(const WindowOutcome&)> written);

}  // namespace nicsentry
