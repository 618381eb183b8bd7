// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/json/version_json.h"

namespace nicsentry {

// What this executable was built from, and what it understands.
VersionInfo version_info();

}  // namespace nicsentry
