// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/service_unit.h"

#include <unistd.h>

#include <catch2/catch.hpp>

namespace nicsentry::service_unit_test {

TEST_CASE("the unit of a process is the last part of its control group, if that is a service") {
  CHECK(service_unit_in("0::/system.slice/system-nicsentry.slice/nicsentry@eth0.service\n") ==
        " (nicsentry@eth0.service)");
  CHECK(service_unit_in("9:name=systemd:/system.slice/a.service\n4:memory:/\n0::/\n") == " (a.service)");
  CHECK(service_unit_in("0::/user.slice/user-0.slice/session-1.scope\n").empty());
  CHECK(service_unit_in("0::/user.slice/user@0.service/app.slice/app.scope\n").empty());
  CHECK(service_unit_in("0::/\n").empty());
  CHECK(service_unit_in("").empty());
  CHECK(service_unit_of(0).empty());
}

}  // namespace nicsentry::service_unit_test
