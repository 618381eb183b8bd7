// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/packet_log.h"

#include <atomic>
#include <utility>

#include "host/base/error.h"
#include "host/export/stream/append_file.h"

namespace nicsentry {
namespace {

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
    try {
      if (reopening.exchange(false)) {
        file = AppendFile(path);
      }
      if (record.empty()) {
        return;
      }
      file.append(record + "\n");
      failing = false;
    } catch (const Error& error) {
      ++lost;
      if (!std::exchange(failing, true)) {  // one message for each time that it begins to fail
        messages.error(std::string("the log of packets: ") + error.what());
      }
    }
  }

  const std::filesystem::path path;
  AppendFile file;
  const Messages messages;
  bool failing = false;  // of the subscriber's thread
  std::atomic<bool> reopening = false;
  std::atomic<std::uint64_t> lost = 0;
  std::atomic<bool> lost_any = false;
};

PacketLog::PacketLog(const std::filesystem::path& path, Messages messages)
    : state_(std::make_shared<State>(path, std::move(messages))),
      subscriber_(
          "packet log", log_limits(), [state = state_](const auto& record) { state->write(*record); },
          [state = state_](const auto&) { ++state->lost; }) {}

void PacketLog::offer(std::string record) {
  const std::size_t bytes = record.size();
  subscriber_.offer(std::make_shared<const std::string>(std::move(record)), bytes);
}

void PacketLog::reopen() {
  state_->reopening = true;
  offer("");
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
