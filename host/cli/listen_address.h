// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/packet/session_key.h"

namespace nicsentry {

// "127.0.0.1:9000", "[::1]:9000". A name could mean another address tomorrow. Throws BadRequest.
Endpoint parse_listen_address(const std::string& text);

}  // namespace nicsentry
