// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/other_commands.h"

#include <catch2/catch.hpp>

namespace nicsentry::other_commands_test {

TEST_CASE("words and options of other tools mean a command here, where they stand") {
  CHECK(command_meant("nicsentry", "ban") == "block");
  CHECK(command_meant("nicsentry", "allow") == "sets add allowed");
  CHECK(command_meant("nicsentry", "-V") == "--version");
  CHECK(command_meant("nicsentry", "-A") == "rules add");
  CHECK(command_meant("nicsentry rules", "-A") == "add");
  CHECK(command_meant("nicsentry rules", "list") == "show");
  CHECK(command_meant("nicsentry sets", "list").empty());
  CHECK(command_meant("nicsentry rules", "ban").empty());
}

}  // namespace nicsentry::other_commands_test
