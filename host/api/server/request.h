// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/packet/session_key.h"

namespace nicsentry {

// The ends of a TCP connection. An IPv4 client of an IPv6 socket has IPv4 addresses.
struct ConnectionEnds {
  Endpoint local;   // the server's
  Endpoint remote;  // the client's
};

// Who may ask on a TCP listener. On the Unix socket all are its owner's.
enum class Access { anyone, read, admin };

// A request as a handler sees it.
struct Request {
  std::string method;                              // "GET", "POST", "PUT", "DELETE"
  std::string path;                                // percent-encoded, without the query
  std::map<std::string, std::string> captures;     // decoded: what stands for {name} in the route's path
  nlohmann::json body = nlohmann::json::object();  // empty object where none came
  std::map<std::string, std::string> query{};      // decoded; a name without "=" has an empty value
  std::optional<pid_t> caller{};                   // the process at a Unix socket's other end
  std::optional<ConnectionEnds> connection{};      // by which it came; none: a Unix socket
  std::string token{};                             // the name of the token by which the request was let in
  std::string accept{};                            // the header; empty where there is none
  std::optional<std::string> if_match{};           // the header; an empty one is none that fits
  std::string if_none_match{};                     // the header; empty where there is none
  Access role = Access::admin;                     // what the client may ask for; of Access::anyone's: not known
  std::string text{};                              // of a route that takes it so: the body as it came; `body` is empty
};

class EventStream;

// An answer, whole, or with a stream behind it.
struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // the methods of a path, with 405
  std::vector<std::pair<std::string, std::string>> headers{};
  std::shared_ptr<EventStream> stream{};  // in place of `body`
};

// Returns the answer's JSON, or throws: problem.h says which status an error becomes.
using Handler = std::function<nlohmann::ordered_json(const Request&)>;
// Returns the whole answer. What it throws is answered as problem.h says.
using RawHandler = std::function<Response(const Request&)>;

}  // namespace nicsentry
