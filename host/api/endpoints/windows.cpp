// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/windows.h"

#include <utility>

#include "host/api/json/resources.h"

namespace nicsentry {

void add_windows_routes(Router& router, std::function<EndedWindow()> end) {
  router.add("POST", resource::kWindows, Lane::slow, [end = std::move(end)](const Request& request) {
    refuse_fields(request.body);
    return encode(end());
  });
}

}  // namespace nicsentry
