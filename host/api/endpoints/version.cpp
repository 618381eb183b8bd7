// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/version.h"

#include "host/api/json/resources.h"

namespace nicsentry {

void add_version_routes(Router& router, const VersionInfo& info) {
  router.add("GET", resource::kVersion, Lane::quick, [info](const Request&) { return encode(info); });
}

}  // namespace nicsentry
