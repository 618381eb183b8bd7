// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/api/server/request.h"
#include "host/api/server/router.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// A request on a TCP socket, of which the header has come. An IPv4 client of an IPv6 socket has IPv4 addresses.
struct Arrival {
  Endpoint local;   // the server's end of the connection
  Endpoint remote;  // the client's
  // Each value of these headers, in order.
  std::vector<std::string> host;
  std::vector<std::string> origin;
  std::vector<std::string> fetch_site;  // Sec-Fetch-Site
  std::vector<std::string> authorization{};
  bool forwarded = false;         // it has Forwarded, X-Forwarded-* or X-Real-IP: a proxy speaks for somebody else
  Access access = Access::admin;  // that the route asks for; of what has no route: Access::read
  std::string method{};
  std::string path{};                 // without the query
  std::string* token_name = nullptr;  // where the gate lets a request in by a token, it writes the token's name there
};

// The questions of a TCP listener about its clients. Called on the server's thread: they may not wait.
struct Gate {
  // The answer to a request that is refused before its body is read; nothing where it is let through.
  std::function<std::optional<Response>(const Arrival&)> refusal;
  // Whether the client of a new connection, by its ends, may have as many as it likes. Strangers share
  // ServerLimits::strangers connections.
  std::function<bool(const Endpoint& local, const Endpoint& remote)> knows;
  // TLS, with the certificate of TlsIdentity::use(); else plain HTTP.
  bool tls = false;
  // What the client of a request that was let through may ask for. None: everything.
  std::function<Access(const Arrival&)> role{};
};

}  // namespace nicsentry
