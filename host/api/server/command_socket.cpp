// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/command_socket.h"

#include <httplib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "host/base/error.h"
#include "host/base/json_reading.h"
#include "host/rules/language/batch.h"

namespace nicsentry {
namespace {

using nlohmann::json;

constexpr time_t kAnswerSeconds = 120;  // a large window takes its time to be written

}  // namespace

struct CommandServer::Server {
  std::string path;
  httplib::Server http;
  std::thread thread;
};

CommandServer::CommandServer(const std::string& socket_path) : server_(std::make_unique<Server>()) {
  server_->path = socket_path;
  server_->http.set_address_family(AF_UNIX);
  server_->http.new_task_queue = [] { return new httplib::ThreadPool(2); };
  unlink(socket_path.c_str());  // a dead controller's
  const mode_t former = umask(S_IRWXG | S_IRWXO | S_IXUSR);
  const bool bound = server_->http.bind_to_port(socket_path, 80);
  umask(former);
  if (!bound) {
    throw SystemError(errno, "opening the socket " + socket_path);
  }
}

CommandServer::~CommandServer() {
  server_->http.stop();
  if (server_->thread.joinable()) {
    server_->thread.join();
  }
  unlink(server_->path.c_str());
}

void CommandServer::on(const std::string& path, Handler handler) {
  server_->http.Post(path, [handler = std::move(handler)](const httplib::Request& request, httplib::Response& answer) {
    try {
      const json body = parse_json(request.body.empty() ? "{}" : request.body);
      answer.set_content(handler(body).dump(), "application/json");
    } catch (const std::exception& error) {
      json said = {{"error", error.what()}};
      if (const auto* batch = dynamic_cast<const BatchError*>(&error); batch != nullptr) {
        said["errors"] = batch->errors();
      }
      answer.status = 500;
      answer.set_content(said.dump(-1, ' ', false, json::error_handler_t::replace), "application/json");
    }
  });
}

void CommandServer::start() {
  server_->thread = std::thread([this] { server_->http.listen_after_bind(); });
  while (!server_->http.is_running()) {
    std::this_thread::yield();
  }
}

json ask_controller(const std::string& socket_path, const std::string& path, const json& request) {
  httplib::Client client(socket_path);
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(kAnswerSeconds);
  const httplib::Result answer = client.Post(path, request.dump(), "application/json");
  if (!answer) {
    throw Error("the controller at " + socket_path + " does not answer: " + httplib::to_string(answer.error()));
  }
  json body = json::parse(answer->body, nullptr, false);
  if (answer->status != 200) {
    throw Error(body.is_object() ? body.value("error", answer->body) : answer->body);
  }
  return body;
}

}  // namespace nicsentry
