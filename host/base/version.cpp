// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/version.h"

#include <nicsentry_commit.h>  // made by commit.cmake

namespace nicsentry {

const char* version() { return NICSENTRY_VERSION; }

const char* commit() { return NICSENTRY_COMMIT; }

}  // namespace nicsentry
