// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/base/unique_fd.h"
#include "host/cli/log_entry.h"

namespace nicsentry {

// The place where journald takes messages.
inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

// Sends messages to journald. One that cannot be sent goes to standard error: systemd reads that, too. For one thread.
class JournalSocket {
 public:
  explicit JournalSocket(std::string path = kJournalSocket);
  void send(const LogEntry& entry);

 private:
  bool sent(const std::string& datagram) const;

  std::string path_;
  UniqueFd socket_;
};

}  // namespace nicsentry
