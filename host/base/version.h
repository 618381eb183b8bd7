// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry {

const char* version();  // "0.2.0"
// The commit that this was built from, in 12 digits; "unknown" where the source was no git repository.
const char* commit();

}  // namespace nicsentry
