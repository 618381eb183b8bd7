// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/change_lock.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

namespace nicsentry::change_lock_test {

TEST_CASE("a change that waits goes before pauses that began to wait after it") {
  for (int round = 0; round < 10; ++round) {
    ChangeLock lock;
    std::atomic<bool> changed = false;
    std::atomic<int> before_change = 0;
    std::atomic<int> holders = 0;
    std::atomic<bool> alone = true;
    std::optional<ChangeLock::Pause> first(std::in_place, lock);
    std::thread change([&] {
      const ChangeLock::Change held(lock);
      alone = alone && ++holders == 1;
      changed = true;
      --holders;
    });
    while (lock.changes_waiting() == 0) {
      std::this_thread::yield();
    }
    std::vector<std::thread> pauses;
    for (int i = 0; i < 8; ++i) {
      pauses.emplace_back([&] {
        const ChangeLock::Pause held(lock);
        alone = alone && ++holders == 1;
        before_change += changed ? 0 : 1;
        --holders;
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // most of them wait by now
    first.reset();
    change.join();
    for (std::thread& pause : pauses) {
      pause.join();
    }
    CHECK(before_change == 0);
    CHECK(alone);
  }
}

}  // namespace nicsentry::change_lock_test
