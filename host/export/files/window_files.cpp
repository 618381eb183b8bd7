// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/window_files.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "host/base/atomic_file.h"

namespace nicsentry {
namespace {

constexpr std::size_t kOutcomesKept = 256;
// A disk may need seconds for a large window. If more windows wait, the oldest are lost.
constexpr std::size_t kWindowsWaiting = 1024;
constexpr std::size_t kBytesWaiting = std::size_t{512} << 20;
constexpr std::chrono::seconds kGrace{10};

}  // namespace

void WindowOutcomes::add(WindowOutcome outcome) {
  {
    const std::lock_guard lock(mutex_);
    latest_.push_back(std::move(outcome));
    if (latest_.size() > kOutcomesKept) {
      latest_.pop_front();
    }
  }
  changed_.notify_all();
}

std::optional<WindowOutcome> WindowOutcomes::wait_for(std::uint64_t number, std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const auto find = [&] {
    return std::find_if(latest_.begin(), latest_.end(), [&](const auto& outcome) { return outcome.number == number; });
  };
  changed_.wait_for(lock, limit, [&] { return closed_ || find() != latest_.end(); });
  const auto found = find();
  return found == latest_.end() ? std::nullopt : std::optional(*found);
}

void WindowOutcomes::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

// The directory is made before it is locked.
WindowFiles::WindowFiles(const std::vector<Format>& formats, Profile profile, const OutputPlace& place)
    : lock_((prepare_directory(place.directory), place.directory), place.warn) {
  OutputPlace with_room = place;
  if (place.retention.any()) {
    with_room.room = [this](std::size_t bytes) {
      if (keeper_) keeper_->make_room(bytes);
    };
  }
  std::vector<WindowWriter::Growing> growing;
  for (const Format format : formats) {
    writers_.push_back(make_writer(format, profile, with_room));
    const auto more = writers_.back()->growing_files();
    growing.insert(growing.end(), more.begin(), more.end());
  }
  rotated_next_ = place.earlier == EarlierFile::replaced ? 0 : next_rotated_window(place.directory);
  if (place.retention.any()) {
    const std::uint64_t last_window = next_window() == 0 ? 0 : next_window() - 1;
    keeper_ = std::make_unique<FileKeeper>(place.directory, place.retention, growing, last_window, place.warn);
  }
}

std::uint64_t WindowFiles::next_window() const {
  std::uint64_t next = rotated_next_;
  for (const auto& writer : writers_) {
    next = std::max(next, writer->next_window());
  }
  return next;
}

WindowOutcome WindowFiles::write(const WindowReport& report) {
  const auto began = std::chrono::steady_clock::now();
  WindowOutcome outcome{report.number, {}, {}, 0};
  if (keeper_) {
    keeper_->before_window();
  }
  for (const auto& writer : writers_) {
    try {
      write(*writer, report, outcome);
    } catch (const std::exception& error) {
      outcome.errors.emplace_back(error.what());
    }
  }
  outcome.took = std::chrono::steady_clock::now() - began;
  return outcome;
}

void WindowFiles::write(WindowWriter& writer, const WindowReport& report, WindowOutcome& outcome) {
  std::vector<std::filesystem::path> files;
  try {
    files = writer.write(report);
  } catch (const std::exception&) {
    if (!keeper_ || !keeper_->after_failure()) {
      throw;
    }
    keeper_->before_window();
    files = writer.write(report);
  }
  outcome.files.insert(outcome.files.end(), files.begin(), files.end());
  outcome.sessions_left_out += writer.sessions_left_out();
  if (keeper_) {
    keeper_->after_window(files, report.number);
  }
}

QueueLimits window_files_limits(bool wait_when_full) {
  QueueLimits limits;
  limits.items = kWindowsWaiting;
  limits.bytes = kBytesWaiting;
  limits.wait_when_full = wait_when_full;
  limits.grace = kGrace;
  return limits;
}

std::shared_ptr<Subscriber<WindowReport>> subscribe_files(std::shared_ptr<WindowFiles> files,
                                                          const std::shared_ptr<WindowOutcomes>& outcomes,
                                                          bool wait_when_full,
                                                          std::function<void(const WindowOutcome&)> written) {
  return std::make_shared<Subscriber<WindowReport>>(
      "files", window_files_limits(wait_when_full),
      [files = std::move(files), outcomes, written = std::move(written)](const auto& report) {
        WindowOutcome outcome = files->write(*report);
        written(outcome);
        outcomes->add(std::move(outcome));
      },
      [outcomes](const auto& report) {
        outcomes->add({report->number,
                       {},
                       {"window " + std::to_string(report->number) + " was not written: files do not keep up"},
                       0});
      });
}

}  // namespace nicsentry
