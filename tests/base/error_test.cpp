// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/error.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

namespace nicsentry::error_test {

TEST_CASE("a system error has the name and the meaning of its number; one that has none is told by its number") {
  CHECK(std::string(SystemError(ENOENT, "opening x").what()) == "ENOENT: opening x: No such file or directory");
  CHECK(std::string(SystemError(4001, "opening x", "\n  detail").what()) == "errno 4001: opening x: unknown\n  detail");
}

}  // namespace nicsentry::error_test
