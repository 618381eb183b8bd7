// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/stream/line_stream.h"

#include <atomic>
#include <utility>

namespace nicsentry {

struct LineStream::State {
  State(int fd, LostText text) : writer(fd), lost_text(std::move(text)) {}

  void write(const std::string& text) {
    if (const std::uint64_t count = lost.exchange(0); count != 0) {
      writer.write(lost_text(count));
    }
    writer.write(text);
  }

  FdWriter writer;
  LostText lost_text;
  std::atomic<std::uint64_t> lost = 0;
};

LineStream::LineStream(std::string name, int fd, const QueueLimits& limits, LostText lost_text, Failed failed)
    : state_(std::make_shared<State>(fd, std::move(lost_text))),
      subscriber_(
          std::move(name), limits, [state = state_](const auto& text) { state->write(*text); },
          [state = state_](const auto&) { ++state->lost; }, std::move(failed)) {}

LineStream::~LineStream() { close(); }

void LineStream::offer(std::string text) {
  const std::size_t bytes = text.size();
  subscriber_.offer(std::make_shared<const std::string>(std::move(text)), bytes);
}

bool LineStream::close() {
  if (subscriber_.finish()) {
    return subscriber_.close();
  }
  state_->writer.give_up();
  subscriber_.close();
  return false;
}

}  // namespace nicsentry
