// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/status.h"

#include <utility>

#include "host/api/json/resources.h"

namespace nicsentry {

void add_status_routes(Router& router, std::function<RunStatus()> take) {
  router.add("GET", resource::kStatus, Lane::quick,
             [take = std::move(take)](const Request& /*request*/) { return encode(take()); });
}

}  // namespace nicsentry
