// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/polycube_service.h"

#include <signal.h>

#include "host/api/json/resources.h"
#include "host/api/server/http_server.h"
#include "host/api/server/page_check.h"
#include "host/api/server/problem.h"
#include "host/app/firewall_port_run.h"
#include "host/app/log_limiter.h"
#include "host/base/error.h"
#include "host/base/version.h"
#include "host/base/wall_clock.h"
#include "host/datapath/interface.h"
#include "host/polycube/api.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

constexpr std::uint64_t kRefusalsLogged = 10;  // a second

// Answers the other commands of nicsentry, which ask the controller of a port.
Response refer_to_api(const Request& /*request*/) {
  throw Conflict("the port has a firewall of `nicsentry serve --polycube`: ask that API, /polycube/v1/firewall");
}

// `nicsentry programs` works by itself beside this service.
Response no_programs(const Request& request) { return unknown_resource(404, "there is nothing at " + request.path); }

}  // namespace

void run_polycube_service(const PolycubeServiceOptions& options, const Messages& messages,
                          const std::function<void(const std::string&)>& log) {
  const IpAddress& address = options.access.address.address;
  if (!is_loopback(address) && !options.access.insecure) {
    throw Error(address.text() +
                ": its clients are not known, and may load programs into this host's kernel; use 127.0.0.1, or "
                "--insecure");
  }
  Router router;
  router.add_tree("/api", Lane::quick, refer_to_api);
  router.add_tree(resource::kPrograms, Lane::quick, no_programs);
  const std::string socket =
      (runtime_directory() / ("polycube-" + std::to_string(network_namespace()) + ".sock")).string();
  HttpServer commands(router);
  polycube::ApiOptions api;
  api.access = options.access;
  api.version = version();
  api.guard = options.guard;
  api.open_firewall_port = [&](Firewall& firewall, const std::string& interface, Mode mode) {
    return open_firewall_port(firewall, interface, mode, socket, messages, log);
  };
  LogLimiter limiter(kRefusalsLogged);
  api.refused = [&](const std::string& text) {
    if (limiter.take(wall_clock_ns())) {
      const std::uint64_t more = limiter.take_left_out();
      messages.info(text + (more == 0 ? "" : "; " + std::to_string(more) + " earlier refusals are not in the log"));
    }
  };
  api.warning = messages.warning;
  const polycube::Api server(std::move(api));
  commands.listen_unix(socket);  // of the only service of this network namespace: it takes a dead one's place
  if (options.access.insecure) {
    messages.warning("--insecure: whoever reaches this port rules this host");
  }
  messages.info("answering http://" + (address.version == 4 ? address.text() : "[" + address.text() + "]") + ":" +
                std::to_string(server.port()) + "/polycube/v1");
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT}) {
    sigaddset(&signals, signal);
  }
  int signal = 0;
  sigwait(&signals, &signal);
}

}  // namespace nicsentry
