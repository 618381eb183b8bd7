// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "host/api/server/request.h"
#include "host/enforce/change_terms.h"
#include "host/lockout/cut_off.h"

namespace nicsentry::polycube {

// Whether changes of rules are refused that would cut off what this host, or whoever asks, depends on. The clients
// have no way to say yes: with `off` whoever starts the service says it for all of them.
enum class ChangeGuard : std::uint8_t { on, off };

// The terms of the change that a request asks for: whether its query has `yes=true`, and who asks. Looks at the
// processes of this host. Any thread may call.
ChangeTerms terms_of(const Request& request, ChangeGuard guard);

// The answer to a refused client: what would be cut off, and how it can be done all the same.
std::string refusal_text(const LockOut& refused);

}  // namespace nicsentry::polycube
