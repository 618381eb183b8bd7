// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/app/messages.h"
#include "host/run/subscriber.h"

namespace nicsentry {

// Records of packets that rules log, appended to a file on a thread of its own. A disk that does not keep up, or is
// full, costs records, which are counted and reported; later ones are written again.
class PacketLog {
 public:
  PacketLog(const std::filesystem::path& path, Messages messages);  // throws SystemError

  void offer(std::string record);  // waits for nobody
  // Opens the file by its name again, before the next record. Where that fails, which is said once, the records go on
  // into the file that is open, and it is tried again with a record or by retry(), once a second at most.
  void reopen();
  void retry();
  // Reports what was lost since the last call.
  void report_losses();
  // False where records were lost at any time.
  bool close();
  // After close(): the thread stands in a write that does not end.
  bool abandoned() const { return abandoned_; }

 private:
  struct State;

  std::shared_ptr<State> state_;
  Subscriber<std::string> subscriber_;
  bool abandoned_ = false;
};

}  // namespace nicsentry
