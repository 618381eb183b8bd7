// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/health.h"

#include <utility>

#include "host/api/json/resources.h"
#include "host/base/error.h"

namespace nicsentry {

void add_health_routes(Router& router, std::function<bool()> turns) {
  router.add(
      "GET", resource::kHealth, Lane::quick,
      [turns = std::move(turns)](const Request&) {
        if (!turns()) {
          throw Unavailable("the event loop stands still");
        }
        return nlohmann::ordered_json{{"status", "ok"}};
      },
      Access::anyone);
}

}  // namespace nicsentry
