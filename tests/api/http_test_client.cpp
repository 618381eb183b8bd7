// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/api/http_test_client.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "host/base/error.h"

namespace nicsentry {
namespace {

using SteadyClock = std::chrono::steady_clock;

bool wait_for(int fd, short events, SteadyClock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now());
  pollfd waiting{fd, events, 0};
  return poll(&waiting, 1, static_cast<int>(std::max<long>(left.count(), 0))) > 0;
}

}  // namespace

TestDirectory::TestDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "nicsentry-api-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw SystemError(errno, "making " + pattern);
  }
  path_ = pattern;
}

TestDirectory::~TestDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

HttpTestClient::HttpTestClient(const std::string& socket) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket.begin(), socket.end(), address.sun_path);
  if (!fd_ || connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw SystemError(errno, "connecting to " + socket);
  }
}

HttpTestClient::HttpTestClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (!fd_ || connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw SystemError(errno, "connecting to port " + std::to_string(port));
  }
}

bool HttpTestClient::send(std::string_view text) {
  const auto until = SteadyClock::now() + std::chrono::seconds(10);
  while (!text.empty()) {
    if (!wait_for(fd_.get(), POLLOUT, until)) {
      return false;
    }
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool HttpTestClient::read_some(std::string& text, SteadyClock::time_point until) {
  std::array<char, 65536> buffer{};
  if (!wait_for(fd_.get(), POLLIN, until)) {
    return false;
  }
  const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) {
    return false;
  }
  text.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

std::string HttpTestClient::read(std::chrono::milliseconds limit) {
  const auto until = SteadyClock::now() + limit;
  std::string text;
  while (read_some(text, until)) {
  }
  return text;
}

std::string HttpTestClient::read_answer(std::chrono::milliseconds limit) {
  constexpr std::string_view kLength = "Content-Length: ";
  const auto until = SteadyClock::now() + limit;
  std::string text;
  while (true) {
    const std::size_t end = text.find("\r\n\r\n");
    const std::size_t length = text.find(kLength);
    if (end != std::string::npos && length != std::string::npos && length < end &&
        text.size() >= end + 4 + std::stoul(text.substr(length + kLength.size()))) {
      return text;
    }
    if (!read_some(text, until)) {
      return text;
    }
  }
}

bool HttpTestClient::read_end(std::chrono::milliseconds limit) {
  char first = 0;
  return wait_for(fd_.get(), POLLIN, SteadyClock::now() + limit) && recv(fd_.get(), &first, sizeof(first), 0) <= 0;
}

void HttpTestClient::reset() {
  const linger at_once{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  fd_ = UniqueFd();
}

std::string http_request_text(const std::string& method, const std::string& path, const std::string& body) {
  return method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string http_exchange(const std::string& socket, const std::string& request) {
  HttpTestClient client(socket);
  client.send(request);
  return client.read_answer();
}

}  // namespace nicsentry
