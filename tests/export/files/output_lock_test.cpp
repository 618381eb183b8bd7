// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <optional>
#include <string>

#include "host/export/files/output_lock.h"
#include "host/export/files/window_files.h"
#include "tests/support/output_files.h"

namespace nicsentry::output_lock_test {

using namespace test;
using Catch::Matchers::Contains;

TEST_CASE("a directory takes one run at a time, and another one when that has ended") {
  const TemporaryDirectory directory;
  const OutputPlace place(directory.path() / "out");
  std::optional<WindowFiles> first(std::in_place, std::vector{Format::csv}, Profile::all, place);
  const auto second = [&place] { return WindowFiles({Format::seed_json}, Profile::all, place); };
  CHECK_THROWS_WITH(second(), Contains("EBUSY: process " + std::to_string(getpid())) &&
                                  Contains(place.directory.string()) && Contains("-o"));
  CHECK_FALSE(std::filesystem::exists(place.directory / "dump_ddos"));
  first.reset();
  CHECK_NOTHROW(second());
}

TEST_CASE("a directory is free again when its process was killed") {
  const TemporaryDirectory directory;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const OutputLock lock(directory.path(), [](const std::string&) {});
    [[maybe_unused]] const auto told = write(ready[1], "x", 1);
    pause();
    _exit(0);
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  const auto warn = [](const std::string& text) { FAIL(text); };
  CHECK_THROWS_WITH(OutputLock(directory.path(), warn), Contains("process " + std::to_string(child)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK_NOTHROW(OutputLock(directory.path(), warn));
  close(ready[0]);
  close(ready[1]);
}

}  // namespace nicsentry::output_lock_test
