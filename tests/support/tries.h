// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry::testing {

// Of a test's random cases: all; under a sanitizer, where each takes several times longer, one in ten.
template <typename Count>
constexpr Count tries(Count all) {
#ifdef NICSENTRY_SANITIZE
  return all / 10;
#else
  return all;
#endif
}

}  // namespace nicsentry::testing
