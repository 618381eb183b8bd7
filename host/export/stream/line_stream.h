// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "host/export/stream/fd_writer.h"
#include "host/run/subscriber.h"

namespace nicsentry {

// Texts to a descriptor through a bounded queue and a thread of its own: whoever offers a text waits for nobody. A text
// that finds the queue full replaces the oldest one; how many were lost is written once the descriptor takes text
// again, as `lost_text` words it.
class LineStream {
 public:
  using LostText = std::function<std::string(std::uint64_t lost)>;
  using Failed = std::function<void(const std::exception&)>;  // on the stream's thread

  // Does not own `fd`. Throws SystemError.
  LineStream(std::string name, int fd, const QueueLimits& limits, LostText lost_text, Failed failed = {});
  ~LineStream();
  LineStream(const LineStream&) = delete;
  LineStream& operator=(const LineStream&) = delete;

  void offer(std::string text);  // any thread

  // Writes what waits. False where the descriptor took nothing within the limits' grace: the rest is lost.
  bool close();

 private:
  struct State;
  std::shared_ptr<State> state_;
  Subscriber<std::string> subscriber_;
};

}  // namespace nicsentry
