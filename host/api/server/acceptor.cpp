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
constexpr auto kForRequest = 500ms;       // of a client that is refused
constexpr suseconds_t kOneRead = 50'000;  // microseconds

// Of this client only: the next one may be taken.
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

void Acceptor::ended() noexcept {
  open_.fetch_sub(1);
  wake();
}

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

// The descriptor that is ready; -1 where none is.
int Acceptor::wait(bool may_listen) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(resting_until_ - Clock::now()).count();
  epoll_event ready{};
  const int limit = may_listen && !watching_ ? static_cast<int>(std::max<long>(left, 1)) : -1;
  return epoll_wait(ready_.get(), &ready, 1, limit) == 1 ? ready.data.fd : -1;
}

void Acceptor::run() {
  while (!stopping_) {
    const bool may_listen = open_ < terms_.most;
    watch(may_listen && Clock::now() >= resting_until_);
    const int ready = wait(may_listen);
    if (ready == wake_.get()) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof(count));
    } else if (ready == listener_.get()) {
      accept_waiting();
    }
  }
}

int Acceptor::accept_one(sockaddr_storage& client, socklen_t& size) const {
  size = sizeof(client);
  return accept4(listener_.get(), reinterpret_cast<sockaddr*>(&client), &size, SOCK_CLOEXEC);
}

void Acceptor::accept_waiting() {
  while (!stopping_ && open_ < terms_.most) {
    sockaddr_storage client{};
    socklen_t size = 0;
    const int connection = accept_one(client, size);
    int failure = connection < 0 ? errno : 0;
    if (connection >= 0) {
      open_.fetch_add(1);
      if (!take_(connection, client, size)) {
        open_.fetch_sub(1);
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
