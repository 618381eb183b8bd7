// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/metrics/run_meters.h"

#include <catch2/catch.hpp>

namespace nicsentry::run_meters_test {
namespace {

using namespace std::chrono_literals;

// Every count of it differs from every other.
Accounting accounting(const std::string& interface, std::uint64_t from) {
  Accounting made;
  made.interface = interface;
  made.hook = "xdp";
  made.mode = "drv";
  made.on_sessions = {from + 1, from + 2};
  made.unknown = {from + 30, from + 4};
  for (std::size_t cause = 0; cause < CAUSES; ++cause) {
    made.not_understood.at(cause) = {from + 100 + cause, from + 200 + cause};
  }
  made.unknown_events_sent = from + 20;
  made.unknown_events_arrived = from + 15;
  made.known_events_sent = from + 40;
  made.known_events_arrived = from + 33;
  made.dropped = {from + 5, from + 6};
  made.unjudged = {from + 7, from + 8};
  made.learned = {from + 9, from + 10};
  made.sessions_active = from + 11;
  made.sessions_new = from + 12;
  made.sessions_refused = from + 13;
  return made;
}

}  // namespace

TEST_CASE("figures are the sums of all windows, apart from the sessions that are active") {
  RunMeters meters;
  WindowReport report;
  report.end_ns = 5;
  report.attachments = {accounting("eth0", 1000), accounting("eth1", 5000)};
  meters.add_window(report, 1ms);
  report.end_ns = 9;
  report.attachments = {accounting("eth0", 2000)};
  meters.add_window(report, 1ms);
  const WindowFigures figures = meters.figures();
  CHECK(figures.windows == 2);
  CHECK(figures.end_ns == 9);
  CHECK(figures.closing.count() == 2);
  REQUIRE(figures.attachments.size() == 2);
  const Accounting& sum = figures.attachments[0];
  CHECK(sum.on_sessions.packets == 3002);
  CHECK(sum.on_sessions.bytes == 3004);
  CHECK(sum.unknown.packets == 3060);
  CHECK(sum.not_understood[CAUSES - 1].packets == 3000 + 200 + 2 * (CAUSES - 1));
  CHECK(sum.not_understood[0].bytes == 3400);
  CHECK(sum.in().packets == accounting("", 1000).in().packets + accounting("", 2000).in().packets);
  CHECK(sum.in().bytes == accounting("", 1000).in().bytes + accounting("", 2000).in().bytes);
  CHECK(sum.events_lost() == 24);
  CHECK(sum.unknown_left_out() == 20);
  CHECK(sum.dropped.packets == 3010);
  CHECK(sum.unjudged.bytes == 3016);
  CHECK(sum.learned.packets == 3018);
  CHECK(sum.sessions_new == 3024);
  CHECK(sum.sessions_refused == 3026);
  CHECK(sum.sessions_active == 2011);
  CHECK(figures.attachments[1].sessions_active == 0);
  CHECK(figures.attachments[1].sessions_new == 5012);
}

TEST_CASE("a series is there before its first message") {
  RunMeters meters;
  meters.add_messages("error", 0);
  meters.add_left_out("files", 0);
  meters.add_messages("warning", 2);
  CHECK(meters.figures().messages == std::map<std::string, std::uint64_t>{{"error", 0}, {"warning", 2}});
  CHECK(meters.figures().left_out == std::map<std::string, std::uint64_t>{{"files", 0}});
}

}  // namespace nicsentry::run_meters_test
