// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/loop_requests.h"

#include <poll.h>

#include <catch2/catch.hpp>
#include <stdexcept>
#include <thread>

#include "host/base/error.h"

namespace nicsentry::loop_requests_test {

namespace {

bool readable(const LoopRequests& requests, int timeout_ms) {
  pollfd entry{requests.poll_fd(), POLLIN, 0};
  return poll(&entry, 1, timeout_ms) == 1;
}

constexpr int kLong = 10'000;  // ms; longer than any machine takes

// What a caller in another thread is told.
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

TEST_CASE("loop requests: a call is made by the loop's thread, and its caller gets what it returns or throws") {
  LoopRequests requests;
  const auto loop = std::this_thread::get_id();
  auto answered = in_a_thread([&] {
    return requests.call([&] { return std::string(std::this_thread::get_id() == loop ? "ours" : "another"); });
  });
  auto refused = in_a_thread([&] { return requests.call([]() -> std::string { throw Error("no such chain"); }); });
  std::size_t made = 0;
  while (made < 2) {
    REQUIRE(readable(requests, kLong));
    requests.take_windows();
    for (const auto& call : requests.take_calls()) {
      call();
      ++made;
    }
  }
  CHECK(answered.get() == "ours");
  CHECK(refused.get() == "error: no such chain");
  CHECK_FALSE(readable(requests, 0));
}

TEST_CASE("loop requests: a window's caller waits for the loop's answer") {
  LoopRequests requests;
  auto asked = requests.ask_for_window();
  REQUIRE(readable(requests, kLong));
  auto windows = requests.take_windows();
  REQUIRE(windows.size() == 1);
  std::promise<WindowOutcome> outcome;
  windows.front().set_value(outcome.get_future().share());
  outcome.set_value({7, {}, {}});
  CHECK(asked.get().get().number == 7);
  CHECK(requests.take_windows().empty());
}

TEST_CASE("loop requests: when the run ends callers are told, those that wait and those that come") {
  LoopRequests requests;
  auto waiting = in_a_thread([&] { return requests.call([] { return std::string("made"); }); });
  REQUIRE(readable(requests, kLong));
  auto window = requests.ask_for_window();
  requests.close();
  CHECK(waiting.get() == "error: the run has ended");
  CHECK_THROWS_WITH(window.get(), "the run has ended");
  CHECK_THROWS_WITH(requests.call([] { return 1; }), "the run has ended");
  CHECK_THROWS_WITH(requests.ask_for_window(), "the run has ended");
}

}  // namespace nicsentry::loop_requests_test
