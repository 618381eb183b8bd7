// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "host/base/unique_fd.h"

namespace nicsentry {

// Accepts the connections of a listening socket, on a thread of its own. A client that comes while no descriptor is
// free gets `refusal` and is let go: one descriptor is kept for it. Where not even that helps, the listener rests for a
// moment. (libmicrohttpd's own loop would call accept() without a pause.)
class Acceptor {
 public:
  // Gets a connection's descriptor, which it closes: after started() and ended(), or without a word before. False: it
  // has closed it already.
  using Take = std::function<bool(int connection, const sockaddr_storage& client, socklen_t size)>;
  struct Terms {
    unsigned most = 0;    // connections at a time; others wait
    std::string refusal;  // a whole answer; empty: the client is let go without one, and without a wait for its request
    std::size_t header_bytes = std::size_t{32} << 10;  // that are read of a request before it is refused
  };

  // Throws SystemError.
  Acceptor(UniqueFd listener, Terms terms, Take take);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void start();
  // A connection that was taken is served from now on. Any thread.
  void started() noexcept;
  // One that started has ended. Any thread.
  void ended() noexcept;
  // Takes no more. Connections that wait at the listener are closed.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void watch(bool listening);
  int wait(std::optional<std::chrono::milliseconds> limit) const;
  bool is_full() const;
  unsigned queued() const;
  void enter_queue();
  void leave_queue() noexcept;
  void give_up_queued(unsigned before);
  void accept_waiting();
  int accept_one(sockaddr_storage& client, socklen_t& size) const;
  int refuse_one();
  void wake() const noexcept;

  UniqueFd listener_;
  const Terms terms_;
  const Take take_;
  UniqueFd wake_;
  UniqueFd ready_;  // epoll: not bound by the limit of descriptors, as poll() is
  UniqueFd spare_;
  bool watching_ = false;
  Clock::time_point resting_until_{};
  mutable std::mutex mutex_;
  unsigned queued_ = 0;  // connections that were taken and have not started
  unsigned started_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace nicsentry
