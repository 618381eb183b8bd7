// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/json/change_query.h"
#include "host/api/server/request.h"
#include "host/base/error.h"
#include "host/enforce/change_terms.h"

namespace nicsentry {

// Under which terms a request asks for a change. Throws BadRequest.
inline ChangeTerms terms_of(const Request& request) {
  const ChangeQuery query = parse_change_query(request.query);
  const auto connection = parse_ssh_connection(query.from);
  if (!query.from.empty() && !connection) {
    throw BadRequest("from: read \"" + query.from + "\", allowed is \"CLIENT PORT SERVER PORT\"");
  }
  if (!connection && request.connection) {  // that of the request itself must pass, too
    return {query.yes,
            query.confirm,
            {request.caller, TcpSocket{request.connection->local, request.connection->remote, true, 0}}};
  }
  return {query.yes, query.confirm, {request.caller, connection}};
}

// Who asks, for events: "the token 'alice' of 192.0.2.7", "process 4711"; empty: nobody knows.
inline std::string asked_by(const Request& request) {
  const std::string address = request.connection ? request.connection->remote.address.text() : "";
  if (!request.token.empty()) {
    return "the token '" + request.token + "'" + (address.empty() ? "" : " of " + address);
  }
  return request.caller ? "process " + std::to_string(*request.caller) : address;
}

}  // namespace nicsentry
