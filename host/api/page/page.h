// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/server/router.h"

namespace nicsentry {

// /, and its files below /assets/: the page for a browser. They hold no data: everybody may read them.
void add_page_routes(Router& router);

}  // namespace nicsentry
