// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/background.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <semaphore>

namespace nicsentry::top {
namespace {

using namespace std::chrono_literals;

TEST_CASE(
    "top: a request in the background is answered while its caller goes on; the newest takes a waiting one's place") {
  std::binary_semaphore begun(0);
  std::binary_semaphore go_on(0);
  std::counting_semaphore<> ready(0);
  Background<int, int> background(
      [&](int number, const std::stop_token&) {
        begun.release();
        go_on.acquire();
        return 10 * number;
      },
      [&] { ready.release(); });
  background.ask(1);
  begun.acquire();
  background.ask(2);
  background.ask(3);
  CHECK_FALSE(background.take());
  go_on.release();
  ready.acquire();
  CHECK(background.take() == 10);
  begun.acquire();
  go_on.release();
  ready.acquire();
  CHECK(background.take() == 30);
  CHECK_FALSE(background.take());
}

TEST_CASE("top: a request is answered again after its time, and no work goes on after the end") {
  std::atomic<int> answered = 0;
  {
    std::counting_semaphore<> ready(0);
    Background<int, int> background([&](int, const std::stop_token&) { return ++answered; }, [&] { ready.release(); },
                                    1ms);
    background.ask(0);
    for (int time = 0; time < 3; ++time) {
      ready.acquire();
    }
  }
  const int at_end = answered;
  CHECK(at_end >= 3);
}

TEST_CASE("top: work that waits is told of the end") {
  std::binary_semaphore begun(0);
  Background<int, int> background(
      [&](int, const std::stop_token& stop) {
        begun.release();
        while (!stop.stop_requested()) {
          std::this_thread::sleep_for(1ms);
        }
        return 0;
      },
      [] {});
  background.ask(1);
  begun.acquire();
}

}  // namespace
}  // namespace nicsentry::top
