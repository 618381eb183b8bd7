// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/posted_calls.h"

#include <poll.h>

#include <catch2/catch.hpp>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "host/base/error.h"

namespace nicsentry::posted_calls_test {

namespace {

using namespace std::chrono_literals;

bool readable(const PostedCalls& calls, int timeout_ms) {
  pollfd entry{calls.poll_fd(), POLLIN, 0};
  return poll(&entry, 1, timeout_ms) == 1;
}

constexpr int kLong = 10'000;  // ms; longer than any machine takes

// The result that a caller in another thread gets.
template <typename Ask>
std::future<std::string> in_a_thread(Ask ask) {
  return std::async(std::launch::async, [ask = std::move(ask)] {
    try {
      return ask();
    } catch (const std::exception& error) {
      return std::string("error: ") + error.what();
    }
  });
}

}  // namespace

TEST_CASE("posted calls: the loop's thread makes a call, and its caller gets what it returns or throws") {
  PostedCalls calls;
  const auto loop = std::this_thread::get_id();
  auto answered = in_a_thread(
      [&] { return calls.call([&] { return std::string(std::this_thread::get_id() == loop ? "ours" : "another"); }); });
  auto refused = in_a_thread([&] { return calls.call([]() -> std::string { throw Error("no such chain"); }); });
  while (answered.wait_for(0s) != std::future_status::ready || refused.wait_for(0s) != std::future_status::ready) {
    readable(calls, 10);
    calls.run_all();
  }
  CHECK(answered.get() == "ours");
  CHECK(refused.get() == "error: no such chain");
  CHECK_FALSE(readable(calls, 0));
}

TEST_CASE("posted calls: a caller of a loop that stands still gets Unavailable, and the call is never made") {
  PostedCalls calls;
  bool made = false;
  CHECK_THROWS_AS(calls.call([&] { made = true; }, 20ms), Unavailable);
  calls.run_all();
  CHECK_FALSE(made);
}

TEST_CASE("posted calls: a call that the loop has begun is waited for, with a limit") {
  PostedCalls calls;
  std::promise<void> go_on;
  auto caller = in_a_thread([&] {
    return calls.call(
        [&] {
          go_on.get_future().wait();
          return std::string("made");
        },
        50ms);
  });
  std::thread loop([&] {
    readable(calls, kLong);
    calls.run_all();
  });
  CHECK(caller.get() == "error: the run is still at work after 100 ms");
  go_on.set_value();
  loop.join();
}

TEST_CASE("posted calls: post() waits for nobody") {
  PostedCalls calls;
  int made = 0;
  calls.post([&] { ++made; });
  calls.post([&] { ++made; });
  CHECK(made == 0);
  REQUIRE(readable(calls, kLong));
  calls.run_all();
  CHECK(made == 2);
}

TEST_CASE("posted calls: when the run ends callers get Unavailable, those that wait and those that come") {
  PostedCalls calls;
  auto waiting = in_a_thread([&] { return calls.call([] { return std::string("made"); }); });
  REQUIRE(readable(calls, kLong));
  calls.close();
  CHECK(waiting.get() == "error: the run has ended");
  CHECK_THROWS_WITH(calls.call([] { return 1; }), "the run has ended");
  CHECK_NOTHROW(calls.post([] {}));
}

}  // namespace nicsentry::posted_calls_test
