// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "host/api/server/gate.h"

namespace nicsentry {

// How a header Host may name a server. A name could be made to mean this host by somebody else's name server; an
// address and "localhost" cannot.
struct HostRules {
  std::function<bool(const IpAddress&)> is_ours;
  std::set<std::string> names;  // besides localhost; in lower case
  const char* scheme = "http";  // of the server's own pages
};

// Why a request may be a browser's in a foreign page's name; nothing where it is not. Its header Host must name this
// server (DNS rebinding), and no page of another origin may have sent it.
std::optional<std::string> refusal_of_page(const Arrival& arrival, const HostRules& rules);

// The same of a request on a Unix socket, which a browser reaches by a forwarded port (`ssh -L`). Its header Host may
// not be a name of the public DNS, which has a dot.
std::optional<std::string> refusal_of_forwarded_page(const Arrival& arrival);

bool is_loopback(const IpAddress& address);

}  // namespace nicsentry
