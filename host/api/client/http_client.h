// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

namespace nicsentry {

struct ClientLimits {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds whole{150'000};  // a large window takes its time to be written
  const std::stop_token* stop = nullptr;     // ends a request within a second; it outlives the client
};

struct HttpAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

// One HTTP request over a Unix socket, through libcurl. `path` is percent-encoded; an empty `body` is none. Throws
// Unavailable naming the socket where no whole answer comes within the limits.
HttpAnswer http_request(const std::string& socket, const std::string& method, const std::string& path,
                        const std::string& body, const ClientLimits& limits = {});

}  // namespace nicsentry
