// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/packet_log.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "host/base/error.h"
#include "host/export/stream/append_file.h"

namespace nicsentry {
namespace {

constexpr std::chrono::seconds kRetry{1};

QueueLimits log_limits() {
  QueueLimits limits;
  limits.items = std::size_t{1} << 17;
  limits.bytes = std::size_t{32} << 20;
  return limits;
}

}  // namespace

struct PacketLog::State {
  State(std::filesystem::path at, Messages told) : path(std::move(at)), file(path), messages(std::move(told)) {}

  void write(const std::string& record) {
    open_again();
    if (record.empty()) {
      return;
    }
    try {
      file.append(record + "\n");
      failing = false;
    } catch (const Error& error) {
      ++lost;
      if (!std::exchange(failing, true)) {  // one message for each time that it begins to fail
        messages.error(std::string("the log of packets: ") + error.what());
      }
    }
  }

  // Until it can be opened, the records go on into the file that is open.
  void open_again() {
    if (!reopening.load() || std::chrono::steady_clock::now() < next_try) {
      return;
    }
    reopening = false;  // before the file is opened: a signal that comes meanwhile asks for a later one
    try {
      file = AppendFile(path);
      if (std::exchange(not_reopened, false)) {
        messages.info("the log of packets: " + path.string() + " is open again");
      }
    } catch (const Error& error) {
      reopening = true;
      next_try = std::chrono::steady_clock::now() + kRetry;
      if (!std::exchange(not_reopened, true)) {
        messages.error(std::string("the log of packets could not be opened again: ") + error.what() +
                       "; records go on into the file that is open, and it is tried again every second");
      }
    }
  }

  const std::filesystem::path path;
  AppendFile file;
  const Messages messages;
  // For the subscriber's thread.
  bool failing = false;
  bool not_reopened = false;
  std::chrono::steady_clock::time_point next_try;

  std::atomic<bool> reopening = false;
  std::atomic<std::uint64_t> lost = 0;
  std::atomic<bool> lost_any = false;
};

PacketLog::PacketLog(const std::filesystem::path& path, Messages messages)
    : state_(std::make_shared<State>(path, std::move(messages))),
      subscriber_(
          "packet log", log_limits(), [state = state_](const auto& record) { state->write(*record); },
          [state = state_](const auto& record) {
            if (!record->empty()) {
              ++state->lost;
            }
          }) {}

void PacketLog::offer(std::string record) {
  const std::size_t bytes = record.size();
  subscriber_.offer(std::make_shared<const std::string>(std::move(record)), bytes);
}

void PacketLog::reopen() {
  state_->reopening = true;
  offer("");
}

void PacketLog::retry() {
  if (state_->reopening) {
    offer("");
  }
}

void PacketLog::report_losses() {
  if (const std::uint64_t lost = state_->lost.exchange(0); lost != 0) {
    state_->lost_any = true;
    state_->messages.error(std::to_string(lost) + " records were not written to " + state_->path.string());
  }
}

bool PacketLog::close() {
  abandoned_ = !subscriber_.close();
  report_losses();
  return !state_->lost_any;
}

}  // namespace nicsentry
