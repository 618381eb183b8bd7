// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/lifetime_clock.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "host/base/error.h"
#include "tests/support/output_files.h"

namespace nicsentry::lifetime_clock_test {
namespace {

constexpr TimestampNs kSecond = 1'000'000'000;
constexpr TimestampNs kYear = 365 * 86'400 * kSecond;

// A machine whose clocks the test sets.
struct Machine {
  TimestampNs since_boot = 100 * kSecond;
  TimestampNs wall = 50 * kYear;
  std::string boot_id = "first";
  std::string warnings;

  void pass(TimestampNs time) {
    since_boot += time;
    wall += time;
  }
  void reboot(TimestampNs down) {
    wall += down;
    since_boot = 0;
    boot_id += "'";
  }
  LifetimeClock clock(const std::optional<std::filesystem::path>& file) {
    return LifetimeClock(file, [this](const std::string& text) { warnings += text + "\n"; },
                         {[this] { return since_boot; }, [this] { return wall; }, boot_id});
  }
};

}  // namespace

TEST_CASE("a lifetime is as long as it is when the wall clock is set, within a run and over its restart") {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "clock.json";
  Machine machine;
  LifetimeClock first = machine.clock(file);
  const TimestampNs began = first.now();
  CHECK(began == machine.wall);
  machine.pass(10 * kSecond);
  machine.wall += kYear;
  CHECK(first.now() - began == 10 * kSecond);
  machine.wall -= 2 * kYear;
  CHECK(first.now() - began == 10 * kSecond);
  machine.pass(5 * kSecond);
  LifetimeClock second = machine.clock(file);
  CHECK(second.now() - began == 15 * kSecond);
}

TEST_CASE("over a reboot the wall clock counts, whether it was set before or not") {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "clock.json";
  Machine machine;
  const TimestampNs step = GENERATE(TimestampNs{0}, 7 * kYear, -7 * kYear);
  LifetimeClock first = machine.clock(file);
  const TimestampNs began = first.now();
  machine.pass(10 * kSecond);
  machine.wall += step;
  first.now();
  machine.pass(5 * kSecond);
  for (int reboots = 1; reboots < 4; ++reboots) {
    machine.reboot(60 * kSecond);
    LifetimeClock next = machine.clock(file);
    CHECK(next.now() - began == (15 + 60 * reboots) * kSecond);
  }
}

TEST_CASE("without a file the clock begins with the wall clock's time") {
  Machine machine;
  machine.clock(std::nullopt).now();
  machine.wall += kYear;
  CHECK(machine.clock(std::nullopt).now() == machine.wall);
}

TEST_CASE("the file of a clock is written when there is something to note, and a malformed one is refused") {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "clock.json";
  Machine machine;
  LifetimeClock clock = machine.clock(file);
  clock.now();
  REQUIRE(std::filesystem::exists(file));
  std::filesystem::remove(file);
  machine.pass(kSecond);
  machine.wall += kSecond / 2;
  clock.now();
  CHECK_FALSE(std::filesystem::exists(file));
  machine.wall += kSecond;
  clock.now();
  CHECK(std::filesystem::exists(file));
  std::ofstream(file) << R"({"version": 2, "boot_id": "x"})";
  CHECK_THROWS_WITH(machine.clock(file), Catch::Contains("clock.json: \"offset_ns\": missing"));
  for (const char* numbers :
       {R"("offset_ns": -1, "wall_ahead_ns": 0)", R"("offset_ns": 1, "wall_ahead_ns": 9000000000000000000)",
        R"("offset_ns": 9000000000000000000, "wall_ahead_ns": 0)"}) {
    std::ofstream(file) << R"({"version": 2, "boot_id": "x", )" << numbers << "}";
    CHECK_THROWS_WITH(machine.clock(file), Catch::Contains("_ns: read ") && Catch::Contains("allowed is"));
  }
}

TEST_CASE("a clock that cannot be saved goes on, says so once, and is saved later") {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "missing" / "clock.json";
  Machine machine;
  LifetimeClock clock = machine.clock(file);
  const TimestampNs began = clock.now();
  machine.pass(kSecond);
  CHECK(clock.now() - began == kSecond);
  CHECK(machine.warnings.find("clock.json") != std::string::npos);
  CHECK(std::count(machine.warnings.begin(), machine.warnings.end(), '\n') == 1);
  std::filesystem::create_directories(file.parent_path());
  clock.now();
  CHECK(std::filesystem::exists(file));
}

TEST_CASE("the kernel's clocks run, and the boot has a name") {
  const LifetimeClock::Sources kernel = LifetimeClock::kernel();
  const TimestampNs began = kernel.since_boot();
  CHECK(began > 0);
  CHECK(kernel.since_boot() >= began);
  CHECK(kernel.wall() > 50 * kYear);
  CHECK(kernel.boot_id.size() == 36);
}

}  // namespace nicsentry::lifetime_clock_test
