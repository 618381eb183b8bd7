// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/server/event_feed.h"
#include "host/api/server/router.h"

namespace nicsentry {

// /events: what happens from now on, as server-sent events. `feed` must outlive the server.
void add_events_routes(Router& router, EventFeed& feed);

}  // namespace nicsentry
