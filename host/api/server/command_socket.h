// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace nicsentry {

// The controller's side of its local socket: HTTP with JSON on a Unix socket that only root may open. Handlers run on a
// thread of the server; what they throw goes to the caller as {"error": ...} with status 500; of a batch of rules also
// each error for itself, as "errors".
class CommandServer {
 public:
  using Handler = std::function<nlohmann::ordered_json(const nlohmann::json& request)>;

  explicit CommandServer(const std::string& socket_path);  // throws Error
  ~CommandServer();                                        // ends the server and removes the socket
  CommandServer(const CommandServer&) = delete;
  CommandServer& operator=(const CommandServer&) = delete;

  void on(const std::string& path, Handler handler);  // POST; before start()
  void start();

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

// Asks a running controller. Throws Error with its words when it refuses, or when it does not answer.
nlohmann::json ask_controller(const std::string& socket_path, const std::string& path, const nlohmann::json& request);

}  // namespace nicsentry
