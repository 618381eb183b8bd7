// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/api/server/gate.h"
#include "host/api/server/http_server.h"
#include "host/polycube/access.h"
#include "host/polycube/change_guard.h"
#include "host/polycube/firewall_port.h"

namespace nicsentry::polycube {

struct ApiOptions {
  AccessRules access;
  std::string version;  // of nicsentry
  ChangeGuard guard = ChangeGuard::on;
  OpenFirewallPort open_firewall_port;
  std::function<void(const std::string&)> refused;  // a request, and why; on the server's thread
  std::function<void(const std::string&)> warning;
};

// The REST API of Polycube's daemon for the services dynmon, firewall and simplebridge. The way into this room. From
// its constructor on it answers; its destructor takes everything off that its clients attached.
class Api {
 public:
  // Removes what a service that was killed left in this network namespace. Throws Error, also where another one runs.
  explicit Api(ApiOptions options);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  std::uint16_t port() const;  // at which it listens

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nicsentry::polycube
