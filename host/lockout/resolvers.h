// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/packet/session_key.h"

namespace nicsentry {

// A server that this host asks for names.
struct Resolver {
  IpAddress address;
  IpAddress local;  // this host's end
};

// The name servers of /etc/resolv.conf to which there is a route. Where that names only servers on this host, as with
// systemd-resolved, those that it asks. A file that cannot be read names none.
std::vector<Resolver> read_resolvers();

// The name servers of a resolv.conf(5), in their order.
std::vector<IpAddress> parse_resolv_conf(const std::string& text);

}  // namespace nicsentry
