// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/api.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/interface.h"
#include "host/polycube/answers.h"
#include "host/polycube/attached_record.h"
#include "host/polycube/cube_store.h"
#include "host/polycube/routes.h"
#include "host/polycube/socket_owner.h"
#include "host/ports/port_claim.h"

namespace nicsentry::polycube {
namespace {

constexpr ServerLimits kLimits{std::size_t{32} << 10, std::size_t{8} << 20, std::size_t{32} << 20, 64};
constexpr unsigned kForbidden = 403;
constexpr mode_t kForRoot = 0600;

// Held for as long as the service runs: cubes of two would have each other's names.
UniqueFd sole_service() {
  const auto path = runtime_directory() / ("polycube-" + std::to_string(network_namespace()) + ".lock");
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kForRoot));
  if (!fd) {
    throw SystemError(errno, "opening " + path.string());
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error("another `nicsentry serve --polycube` runs in this network namespace");
  }
  return fd;
}

std::string url_of(const Endpoint& address, std::uint16_t port) {
  const std::string host = address.address.version == 4 ? address.address.text() : "[" + address.address.text() + "]";
  return "//" + host + ":" + std::to_string(port);
}

}  // namespace

struct Api::State {
  explicit State(ApiOptions given)
      : options(std::move(given)),
        lock(sole_service()),
        record(runtime_directory() / ("polycube-" + std::to_string(network_namespace()) + ".json")),
        cubes(options.open_firewall_port, record, options.warning),
        routes(cubes, options.version, options.guard),
        server(router, kLimits) {
    record.clean_up(options.warning);
    routes.add_to(router);
    port = server.listen_tcp(options.access.address, {[this](const Arrival& arrival) { return ask(arrival); },
                                                      [this](const Endpoint& local, const Endpoint& remote) {
                                                        return !refusal_of_client(local, remote, options.access,
                                                                                  owner_of_socket);
                                                      }});
    routes.set_base(url_of(options.access.address, port));
  }

  // On the server's thread.
  std::optional<Response> ask(const Arrival& arrival) const {
    std::optional<std::string> why;
    try {
      why = refusal(arrival, options.access, owner_of_socket);
    } catch (const Error& error) {
      why = error.what();
    }
    if (!why) {
      return std::nullopt;
    }
    options.refused("refused a request of " + arrival.remote.address.text() + " port " +
                    std::to_string(arrival.remote.port) + ": " + *why);
    return with_text(*why + "\n", kForbidden);
  }

  const ApiOptions options;
  const UniqueFd lock;
  const AttachedRecord record;
  CubeStore cubes;
  Routes routes;
  Router router;
  std::uint16_t port = 0;
  HttpServer server;  // ends first: its requests use everything else
};

Api::Api(ApiOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Api::~Api() = default;

std::uint16_t Api::port() const { return state_->port; }

}  // namespace nicsentry::polycube
