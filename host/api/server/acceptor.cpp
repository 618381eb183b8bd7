// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;
using RefusalClock = std::chrono::steady_clock;

constexpr auto kRest = 200ms;             // of a listener that nothing can be accepted from
constexpr auto kUntilStarted = 1000ms;    // of a connection that was taken
constexpr auto kForRequest = 500ms;       // of a client that is refused
constexpr suseconds_t kOneRead = 50'000;  // microseconds

// Whether the error is of this client only: the next one may be taken.
bool is_of_client(int code) { return code == EINTR || code == ECONNABORTED || code == EPROTO || code == EPERM; }

// False at the end of what the client sends, and where it is too slow.
bool read_some(int client, std::string& text, RefusalClock::time_point until) {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::recv(client, buffer.data(), buffer.size(), 0);
  if (got > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) && RefusalClock::now() < until;
}

// The request is read before and after: a client that still sends it when the connection closes would not read the
// answer. `most`: bytes of its header.
void refuse(const UniqueFd& client, std::string_view answer, std::size_t most) {
  constexpr std::string_view kHeaderEnd = "\r\n\r\n";
  const timeval limit{0, kOneRead};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  const auto until = RefusalClock::now() + kForRequest;
  std::string request;
  std::size_t searched = 0;
  while (request.find(kHeaderEnd, searched) == std::string::npos && request.size() < most) {
    searched = request.size() - std::min(request.size(), kHeaderEnd.size() - 1);
    if (!read_some(client.get(), request, until)) {
      break;
    }
  }
  ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(client.get(), SHUT_WR);
  for (std::string rest; read_some(client.get(), rest, until); rest.clear()) {
  }
}

UniqueFd new_spare() { return UniqueFd(eventfd(0, EFD_CLOEXEC)); }

}  // namespace

Acceptor::Acceptor(UniqueFd listener, Terms terms, Take take)
    : listener_(std::move(listener)),
      terms_(std::move(terms)),
      take_(std::move(take)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      ready_(epoll_create1(EPOLL_CLOEXEC)),
      spare_(new_spare()) {
  epoll_event woken{};
  woken.events = EPOLLIN;
  woken.data.fd = wake_.get();
  epoll_event heard{};
  heard.data.fd = listener_.get();
  if (!wake_ || !ready_ || !spare_ || epoll_ctl(ready_.get(), EPOLL_CTL_ADD, wake_.get(), &woken) != 0 ||
      epoll_ctl(ready_.get(), EPOLL_CTL_ADD, listener_.get(), &heard) != 0) {
    throw SystemError(errno, "waiting for connections");
  }
}

Acceptor::~Acceptor() { stop(); }

void Acceptor::start() {
  thread_ = std::thread([this] { run(); });
}

void Acceptor::stop() {
  stopping_ = true;
  wake();
  if (thread_.joinable()) {
    thread_.join();
  }
  listener_ = UniqueFd();
}

void Acceptor::started() noexcept {
  const std::lock_guard lock(mutex_);
  leave_queue();
  ++started_;
}

void Acceptor::ended() noexcept {
  {
    const std::lock_guard lock(mutex_);
    --started_;
  }
  wake();
}

bool Acceptor::is_full() const {
  const std::lock_guard lock(mutex_);
  return queued_ + started_ >= terms_.most;
}

unsigned Acceptor::queued() const {
  const std::lock_guard lock(mutex_);
  return queued_;
}

void Acceptor::enter_queue() {
  const std::lock_guard lock(mutex_);
  ++queued_;
}

// With the lock held. One that was given up may start after all.
void Acceptor::leave_queue() noexcept { queued_ -= std::min(queued_, 1U); }

void Acceptor::wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

void Acceptor::watch(bool listening) {
  if (listening != watching_) {
    epoll_event heard{};
    heard.events = listening ? std::uint32_t{EPOLLIN} : 0U;
    heard.data.fd = listener_.get();
    epoll_ctl(ready_.get(), EPOLL_CTL_MOD, listener_.get(), &heard);
    watching_ = listening;
  }
}

// The descriptor that is ready; -1 where none is after `limit`, or without one ever.
int Acceptor::wait(std::optional<std::chrono::milliseconds> limit) const {
  epoll_event ready{};
  return epoll_wait(ready_.get(), &ready, 1, limit ? static_cast<int>(limit->count()) : -1) == 1 ? ready.data.fd : -1;
}

void Acceptor::run() {
  while (!stopping_) {
    const bool full = is_full();
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(resting_until_ - Clock::now());
    watch(!full && rest <= 0ms);
    const unsigned before = full ? queued() : 0;
    std::optional<std::chrono::milliseconds> limit;
    if (before != 0) {
      limit = kUntilStarted;
    } else if (!full && !watching_) {
      limit = rest;
    }
    const int ready = wait(limit);
    if (ready == wake_.get()) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof(count));
    } else if (ready == listener_.get()) {
      accept_waiting();
    } else if (before != 0) {
      give_up_queued(before);
    }
  }
}

// None of those that were taken started for a while: they were closed without a word.
void Acceptor::give_up_queued(unsigned before) {
  const std::lock_guard lock(mutex_);
  queued_ = queued_ == before ? 0 : queued_;
}

int Acceptor::accept_one(sockaddr_storage& client, socklen_t& size) const {
  size = sizeof(client);
  return accept4(listener_.get(), reinterpret_cast<sockaddr*>(&client), &size, SOCK_CLOEXEC);
}

void Acceptor::accept_waiting() {
  while (!stopping_ && !is_full()) {
    sockaddr_storage client{};
    socklen_t size = 0;
    const int connection = accept_one(client, size);
    int failure = connection < 0 ? errno : 0;
    if (connection >= 0) {
      enter_queue();
      if (!take_(connection, client, size)) {
        const std::lock_guard lock(mutex_);
        leave_queue();
      }
      if (!spare_) {  // another thread had taken it
        spare_ = new_spare();
      }
    } else if (failure != EAGAIN && !is_of_client(failure)) {
      failure = refuse_one();
    }
    if (failure == EAGAIN) {
      return;
    }
    if (failure != 0 && !is_of_client(failure)) {
      resting_until_ = Clock::now() + kRest;
      return;
    }
  }
}

// With the descriptor that is kept for it, which another thread may take meanwhile. Returns the errno value; 0: done.
int Acceptor::refuse_one() {
  spare_ = UniqueFd();
  sockaddr_storage client{};
  socklen_t size = 0;
  const int connection = accept_one(client, size);
  const int failure = connection < 0 ? errno : 0;
  if (connection >= 0) {
    const UniqueFd refused(connection);
    if (!terms_.refusal.empty()) {
      refuse(refused, terms_.refusal, terms_.header_bytes);
    }
  }
  spare_ = new_spare();
  return failure;
}

}  // namespace nicsentry
