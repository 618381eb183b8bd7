// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/json/version_json.h"

namespace nicsentry {

// The sources of this executable, and the formats that it understands.
VersionInfo version_info();

}  // namespace nicsentry
