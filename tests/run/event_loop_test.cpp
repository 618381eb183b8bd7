// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/run/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "host/base/error.h"

namespace nicsentry::event_loop_test {

namespace {

using namespace std::chrono_literals;

class Event {
 public:
  int fd() const { return fd_.get(); }
  void set() const {
    const std::uint64_t one = 1;
    REQUIRE(write(fd_.get(), &one, sizeof(one)) == sizeof(one));
  }
  void clear() const {
    std::uint64_t count = 0;
    REQUIRE(read(fd_.get(), &count, sizeof(count)) == sizeof(count));
  }

 private:
  UniqueFd fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

}  // namespace

TEST_CASE("event loop: a readable descriptor calls its owner, a removed one does not") {
  EventLoop loop;
  const Event first;
  const Event second;
  std::string seen;
  loop.watch(first.fd(), [&] {
    first.clear();
    seen += "first ";
    loop.unwatch(first.fd());
    first.set();  // nobody is called for it any more
    second.set();
  });
  loop.watch(second.fd(), [&] {
    second.clear();
    seen += "second";
    loop.stop();
  });
  first.set();
  loop.run();
  CHECK(seen == "first second");
}

TEST_CASE("event loop: timers are called at their times, again as they say, and when they are rescheduled") {
  EventLoop loop;
  const auto start = EventLoop::Clock::now();
  int regular = 0;
  EventLoop::Clock::time_point asleep_called{};
  EventLoop::TimerId asleep = 0;
  loop.add_timer(start + 2ms, [&](auto now) {
    if (++regular == 3) {
      loop.reschedule(asleep, now + 2ms);
      return EventLoop::kNever;
    }
    return now + 2ms;
  });
  asleep = loop.add_timer(EventLoop::kNever, [&](auto now) {
    asleep_called = now;
    loop.stop();
    return EventLoop::kNever;
  });
  loop.run();
  CHECK(regular == 3);
  CHECK(asleep_called >= start + 8ms);
}

TEST_CASE("event loop: a timer may add timers and reschedule itself") {
  EventLoop loop;
  int calls = 0;
  EventLoop::TimerId self = 0;
  self = loop.add_timer(EventLoop::Clock::now(), [&](auto now) {
    for (int i = 0; i < 100; ++i) {
      loop.add_timer(EventLoop::kNever, [](auto) { return EventLoop::kNever; });
    }
    if (++calls == 2) {
      loop.stop();
    }
    loop.reschedule(self, now);
    return EventLoop::kNever;
  });
  loop.run();
  CHECK(calls == 2);
}

TEST_CASE("event loop: calls from other threads are made, and one of them can stop it") {
  EventLoop loop;
  std::thread other([&] {
    CHECK(loop.calls().call([] { return 42; }) == 42);
    loop.stop();
  });
  loop.run();
  other.join();
}

TEST_CASE("event loop: what a callback throws ends the run") {
  EventLoop loop;
  loop.add_timer(EventLoop::Clock::now(), [](auto) -> EventLoop::Clock::time_point { throw Error("ring"); });
  CHECK_THROWS_WITH(loop.run(), "ring");
}

}  // namespace nicsentry::event_loop_test
