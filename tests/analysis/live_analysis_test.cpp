// SPDX-License-Identifier: GPL-2.0-or-later
// A live analysis on its event loop, with the compiled program in the kernel; packets by test runs.
#include "host/analysis/live_analysis.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "tests/support/program_pool.h"

namespace nicsentry::live_analysis_test {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kSessions = 64;
// Ethernet, IPv4 and UDP from 10.0.0.1:5000 to 10.0.0.2:53, without payload.
const std::vector<std::uint8_t> kFrame = {0, 0,  0,  0, 0, 0,  0, 0, 0, 0,  0, 0, 0x08, 0x00, 0x45, 0, 0,  28, 0, 0, 0,
                                          0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,    0x13, 0x88, 0, 53, 0,  8, 0, 0};

Program load_program() {
  return testing::pooled_program(
      {.object = find_object(kSentry, Target::xdp), .size = {kSessions, bucket_bits_for(kSessions)}});
}

class Fixture {
 public:
  explicit Fixture(std::chrono::nanoseconds window)
      : analysis(loop, options(window), output()), program_(load_program()), test_run_(program_) {
    analysis.add_attachment(
        Attachment::fresh({"test", "xdp", "drv"}, std::move(program_), {kSessions, fixed_keys(), test_run_.cpu()}));
    analysis.start();
  }

  void send() {
    test_run_.run(kFrame);
    ++sent;
  }

  EventLoop loop;
  std::vector<WindowReport> windows;
  std::uint64_t sent = 0;
  LiveAnalysis analysis;

 private:
  static LiveAnalysisOptions options(std::chrono::nanoseconds window) {
    LiveAnalysisOptions made;
    made.window = window;
    return made;
  }
  LiveAnalysisOutput output() {
    LiveAnalysisOutput made;
    made.window = [this](WindowReport report, std::chrono::nanoseconds) { windows.push_back(std::move(report)); };
    made.events = [](const Attachment&, const EventBatch&) {};
    made.info = made.warning = [](const std::string&) {};
    made.failure = [](const Monitor::Failure& failure) { FAIL_CHECK(failure.reason); };
    made.attachments_dropped = [] {};
    return made;
  }

  Program program_;
  TestRun test_run_;
};

std::uint64_t packets_of(const WindowReport& report) {
  std::uint64_t packets = 0;
  for (const SessionWindow& session : report.sessions) {
    packets += session.packets_client + session.packets_server;
  }
  return packets;
}

}  // namespace

TEST_CASE("live analysis: each packet is in one window, and windows follow each other without a gap") {
  constexpr std::uint64_t kPackets = 200;  // at least
  Fixture f(5ms);
  f.loop.add_timer(EventLoop::Clock::now(), [&f](auto now) {
    f.send();
    if (f.sent >= kPackets && f.windows.size() > 3) {
      f.analysis.end_window([&f](std::uint64_t) { f.loop.stop(); });
      return EventLoop::kNever;
    }
    return now + 200us;
  });
  f.loop.run();
  std::uint64_t packets = 0;
  for (std::size_t i = 0; i < f.windows.size(); ++i) {
    packets += packets_of(f.windows[i]);
    CHECK(f.windows[i].number == i);
    CHECK(f.windows[i].end_ns > f.windows[i].start_ns);
    CHECK((i == 0 || f.windows[i].start_ns == f.windows[i - 1].end_ns));
  }
  CHECK(packets == f.sent);
}

TEST_CASE("live analysis: a request while a window closes gets the next window, and what came in it") {
  Fixture f(1h);
  std::vector<std::uint64_t> ended;
  f.loop.add_timer(EventLoop::Clock::now(), [&](auto /*now*/) {
    f.send();
    f.analysis.end_window([&](std::uint64_t number) { ended.push_back(number); });
    f.send();  // the first window is closing
    f.send();
    f.analysis.end_window([&](std::uint64_t number) {
      ended.push_back(number);
      f.loop.stop();
    });
    return EventLoop::kNever;
  });
  f.loop.run();
  CHECK(ended == std::vector<std::uint64_t>{0, 1});
  REQUIRE(f.windows.size() == 2);
  CHECK(packets_of(f.windows[0]) == 1);
  CHECK(packets_of(f.windows[1]) == 2);
}

TEST_CASE("live analysis: requests that are forgotten are never called") {
  Fixture f(1h);
  bool called = false;
  f.loop.add_timer(EventLoop::Clock::now(), [&](auto /*now*/) {
    f.analysis.end_window([&](std::uint64_t) { f.loop.stop(); });
    f.analysis.end_window([&](std::uint64_t) { called = true; });
    f.analysis.forget_requests();
    return EventLoop::kNever;
  });
  f.loop.run();
  CHECK(f.windows.size() == 1);
  CHECK_FALSE(called);
}

}  // namespace nicsentry::live_analysis_test
