// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "host/base/unique_fd.h"

namespace nicsentry {

// A directory of its own, removed at the end.
class TestDirectory {
 public:
  TestDirectory();
  ~TestDirectory();
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Speaks HTTP by hand: halves of requests, and nonsense.
class HttpTestClient {
 public:
  explicit HttpTestClient(const std::string& socket);  // throws SystemError
  explicit HttpTestClient(std::uint16_t port);         // of 127.0.0.1; throws SystemError

  // False when the server closed the connection, or took nothing for ten seconds.
  bool send(std::string_view text);
  // Returns all bytes until the server closes the connection or `limit` is over.
  std::string read(std::chrono::milliseconds limit = std::chrono::seconds(10));
  // One whole answer with a Content-Length.
  std::string read_answer(std::chrono::milliseconds limit = std::chrono::seconds(10));
  // Whether the server closes the connection and sends nothing before.
  bool read_end(std::chrono::milliseconds limit = std::chrono::seconds(10));
  // Ends the connection at once, without its handshake (RST).
  void reset();

 private:
  bool read_some(std::string& text, std::chrono::steady_clock::time_point until);

  UniqueFd fd_;
};

// "GET /path" with what HTTP/1.1 asks for.
std::string http_request_text(const std::string& method, const std::string& path, const std::string& body = {});

// One request and its answer.
std::string http_exchange(const std::string& socket, const std::string& request);

}  // namespace nicsentry
