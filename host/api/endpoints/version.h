// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/json/version_json.h"
#include "host/api/server/router.h"

namespace nicsentry {

// /version: what the run was built from.
void add_version_routes(Router& router, const VersionInfo& info);

}  // namespace nicsentry
