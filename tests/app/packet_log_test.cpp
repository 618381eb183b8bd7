// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/packet_log.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/output_files.h"

namespace nicsentry::packet_log_test {
namespace {

using namespace std::chrono_literals;
using test::content;

// Collects the messages of a log, which come from its own thread.
struct Told {
  Messages messages() {
    const auto into = [this](std::vector<std::string>& texts) {
      return [this, &texts](const std::string& text) {
        const std::lock_guard lock(mutex);
        texts.push_back(text);
      };
    };
    return {into(infos), into(infos), into(errors)};
  }

  std::mutex mutex;
  std::vector<std::string> infos;
  std::vector<std::string> errors;
};

template <typename Condition>
bool comes_true(Condition condition) {
  for (const auto end = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < end;) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

}  // namespace

TEST_CASE("a packet log that cannot be opened again goes on into its file, loses nothing, and is opened later") {
  const test::TemporaryDirectory directory;
  const auto logs = directory.path() / "logs";
  const auto moved = directory.path() / "moved";
  std::filesystem::create_directory(logs);
  Told told;
  PacketLog log(logs / "packets", told.messages());
  log.offer("first");
  REQUIRE(comes_true([&] { return content(logs / "packets") == "first\n"; }));

  std::filesystem::rename(logs, moved);
  log.reopen();
  log.offer("second");
  CHECK(comes_true([&] { return content(moved / "packets") == "first\nsecond\n"; }));
  log.reopen();
  log.offer("third");
  CHECK(comes_true([&] { return content(moved / "packets") == "first\nsecond\nthird\n"; }));

  std::filesystem::create_directory(logs);
  CHECK(comes_true([&] {
    log.retry();
    return std::filesystem::exists(logs / "packets");
  }));
  log.offer("fourth");
  CHECK(comes_true([&] { return content(logs / "packets") == "fourth\n"; }));
  log.report_losses();
  CHECK(log.close());
  REQUIRE(told.errors.size() == 1);
  CHECK_THAT(told.errors.front(), Catch::Contains("could not be opened again: ENOENT") && Catch::Contains("go on"));
  REQUIRE(told.infos.size() == 1);
  CHECK_THAT(told.infos.front(), Catch::Contains("is open again"));
}

}  // namespace nicsentry::packet_log_test
