// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/access.h"

#include "host/api/json/resources.h"

namespace nicsentry {

void add_access_routes(Router& router) {
  router.add("GET", resource::kAccess, Lane::quick, [](const Request& request) {
    return nlohmann::ordered_json{{"role", request.role == Access::admin ? "admin" : "read"}};
  });
}

}  // namespace nicsentry
