// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/change_guard.h"

#include "host/api/server/page_check.h"
#include "host/base/error.h"
#include "host/polycube/access.h"
#include "host/polycube/socket_owner.h"

namespace nicsentry::polycube {
namespace {

// A client on this host is a process, which may have come over a connection; another one is known by its own.
Caller caller_of(const ConnectionEnds& ends) {
  Caller caller;
  try {
    if (const auto socket = find_socket(ends.remote, ends.local)) {
      caller.process = process_with_socket(socket->inode);
    } else if (!is_loopback(ends.remote.address)) {
      caller.connection = TcpSocket{ends.local, ends.remote, true, 0};
    }
  } catch (const SystemError&) {  // judged without the client
  }
  return caller;
}

}  // namespace

ChangeTerms terms_of(const Request& request, ChangeGuard guard) {
  ChangeTerms terms;
  const auto yes = request.query.find("yes");
  terms.yes = guard == ChangeGuard::off || (yes != request.query.end() && yes->second == "true");
  if (!terms.yes && request.connection) {
    terms.caller = caller_of(*request.connection);
  }
  return terms;
}

std::string refusal_text(const LockOut& refused) {
  std::string text = "refused: it would cut off";
  for (const std::string& one : refused.cut_off()) {
    text += "\n  " + one;
  }
  return text + "\nNothing was changed. To do it all the same: ?yes=true behind the URL, or 'nicsentry serve --yes'.";
}

}  // namespace nicsentry::polycube
