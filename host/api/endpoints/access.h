// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/server/router.h"

namespace nicsentry {

// /access: what the client that asks may do.
void add_access_routes(Router& router);

}  // namespace nicsentry
