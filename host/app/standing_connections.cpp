// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/standing_connections.h"

#include <vector>

#include "host/base/error.h"
#include "host/lockout/tcp_sockets.h"

namespace nicsentry {

void take_standing_connections(LiveAnalysis& analysis, const std::function<void(const std::string&)>& warning) {
  try {
    std::vector<EstablishedConnection> connections;
    for (const TcpSocket& socket : established_sockets()) {
      const DirectedKey from_local = normalise(socket.local, socket.remote, Protocol::tcp);
      connections.push_back({from_local.key, socket.accepted ? from_local.direction : opposite(from_local.direction)});
    }
    analysis.take_established(connections);
  } catch (const Error& error) {
    warning(std::string("connections that are older than the run are not known: ") + error.what());
  }
}

}  // namespace nicsentry
