// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "host/api/server/gate.h"
#include "host/api/server/router.h"

namespace nicsentry {

// The limits of a client. Header and body beyond them are refused while they arrive, and hold no memory.
struct ServerLimits {
  std::size_t header_bytes = std::size_t{32} << 10;
  std::size_t body_bytes = std::size_t{128} << 20;    // a million addresses as JSON
  std::size_t bodies_bytes = std::size_t{256} << 20;  // of all requests together
  unsigned connections = 128;
  unsigned strangers = 8;         // of them, for clients that a gate does not know; others are cut off
  unsigned per_client = 64;       // of them, for one address of a listener with a gate
  std::chrono::seconds idle{30};  // of a client that neither sends nor reads
  // Of one that does so slowly: until its header is whole, then its body, and until it has read its answer.
  std::chrono::seconds header{15};
  std::chrono::seconds body{120};
  std::chrono::seconds answer{120};
  std::chrono::milliseconds drain{500};  // for clients to read their answers when the server stops
};

// HTTP/1.1 with JSON (RFC 9112), over libmicrohttpd: one thread for all connections, handlers in lanes beside it
// (lanes.h). A client that stands still costs a connection until the idle limit, no thread. docs/decisions says why
// this library.
class HttpServer {
 public:
  // The router must outlive the server; its handlers are called on several threads at once.
  explicit HttpServer(const Router& router, const ServerLimits& limits = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens on a Unix socket that only its owner may open (mode 0600). Replaces a socket at which nobody listens;
  // stop() removes it. Throws SystemError.
  void listen_unix(const std::string& path);

  // Listens on an address of this host, port 0 being any free one, and returns the port. Asks `gate` about each
  // connection when it comes, and about each request when its header is whole. Throws SystemError.
  std::uint16_t listen_tcp(const Endpoint& address, Gate gate);

  // Refuses new requests and those that wait for a thread, finishes those that a handler has, and ends the threads. The
  // destructor does so, too.
  void stop();

 private:
  struct State;
  struct Listener;
  std::unique_ptr<State> state_;
};

}  // namespace nicsentry
