// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/stat.h>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "host/api/access/access_gate.h"
#include "host/api/server/http_server.h"
#include "host/app/daemon_options.h"
#include "host/app/messages.h"

namespace nicsentry {

// Reads the files that the options name, so that what is wrong with them is said before a port is touched. Throws
// Error.
void check_listen_files(const ListenOptions& options);

// The TCP listeners of a run's API: certificate, tokens, and a thread that reads their files again when they change.
class TcpApi {
 public:
  // Throws Error: a file cannot be read or is not private, or an address cannot be listened at.
  TcpApi(HttpServer& server, const ListenOptions& options, const Messages& messages);
  ~TcpApi();
  TcpApi(const TcpApi&) = delete;
  TcpApi& operator=(const TcpApi&) = delete;

  // Reads the files again, whether or not they changed. What is wrong is warned of, and what counted goes on to count.
  // Waits for nobody.
  void reload();

 private:
  // By which a file has changed.
  struct Stamp {
    ino_t inode = 0;
    off_t size = 0;
    timespec changed{};
  };
  std::map<std::filesystem::path, Stamp> stamps() const;
  void watch();
  void read_again();

  const ListenOptions options_;
  const Messages messages_;
  std::shared_ptr<AccessGate> gate_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reload_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace nicsentry
