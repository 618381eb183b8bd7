// SPDX-License-Identifier: GPL-2.0-or-later
// Readings of the open window, against the reports of the same packets without them.
#include "host/analysis/open_window.h"

#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "host/analysis/monitor.h"
#include "host/base/wall_clock.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "tests/support/program_pool.h"

namespace nicsentry::open_window_test {

namespace {

constexpr std::uint32_t kPlaces = 8;
constexpr std::uint64_t kCap = 3;
constexpr std::uint8_t kBytes = 28;  // IPv4 and UDP without payload

// UDP between 10.0.0.1 and 10.0.0.2, port `session` and 53.
std::vector<std::uint8_t> frame_of(std::uint8_t session, bool answer) {
  std::vector<std::uint8_t> frame = {0, 0,  0,  0, 0, 0,  0, 0, 0, 0,  0, 0, 0x08, 0x00, 0x45, 0, 0,  kBytes, 0, 0, 0,
                                     0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,    0x13, 0,    0, 53, 0,      8, 0, 0};
  frame[35] = session;
  if (answer) {
    std::swap(frame[29], frame[33]);
    std::swap(frame[34], frame[36]);
    std::swap(frame[35], frame[37]);
  }
  return frame;
}

using Counts = std::tuple<std::uint64_t, std::uint16_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>;

std::vector<Counts> counts_of(const WindowReport& report) {
  std::vector<Counts> counts;
  for (const SessionWindow& session : report.sessions) {
    counts.emplace_back(session.id, session.client.port, session.packets_client, session.packets_server,
                        session.bytes_client, session.bytes_server);
  }
  return counts;
}

using Books = std::vector<std::uint64_t>;

Books books_of(const Accounting& accounting) {
  return {accounting.in().packets,         accounting.in().bytes,      accounting.on_sessions.packets,
          accounting.learned.packets,      accounting.unknown.packets, accounting.unknown_events_sent,
          accounting.known_events_arrived, accounting.sessions_active, accounting.sessions_new,
          accounting.sessions_refused};
}

class Fixture {
 public:
  Fixture()
      : program_(testing::pooled_program(
            {.object = find_object(kSentry, Target::xdp), .size = {kPlaces, bucket_bits_for(kPlaces)}})),
        test_run_(program_),
        attachment_(monitor.add_attachment(Attachment::fresh({"test", "xdp", "drv"}, std::move(program_),
                                                             {kPlaces, fixed_keys(), test_run_.cpu()}))) {}

  void send(std::uint8_t session, bool answer) { test_run_.run(frame_of(session, answer)); }
  void read() {
    EventBatch batch;
    attachment_.reader().drain(batch);
    monitor.process(attachment_, batch);
  }
  void lose_events() {
    EventBatch lost;
    attachment_.reader().drain(lost);
  }
  WindowReport swap() {
    WindowCloser closing = monitor.flip(window_, start_ns());
    read();
    WindowReport report = closing.collect(start_ns() + kLength);
    ++window_;
    return report;
  }
  void read_counters(bool step = true) {
    CounterReader& reader = *attachment_.counter_reader();
    reader.read({attachment_.sessions().ids(), now_ns += kLength, step, {}}, std::chrono::seconds(1));
    readings_[&reader] = std::make_shared<const CounterReading>(reader.reading());
  }
  LiveSessions peek() {
    LiveSessions live = OpenWindow::read(monitor, window_, start_ns(), now_ns, readings_);
    finish(live, now_ns - kLength);
    return live;
  }
  OpenWindow begin() { return {monitor, window_, start_ns(), now_ns, readings_}; }
  CounterReader& reader() { return *attachment_.counter_reader(); }

  Monitor monitor{Profile::all, kCap, wall_clock_ns};
  TimestampNs now_ns = wall_clock_ns();

 private:
  static constexpr TimestampNs kLength = 1'000'000'000;
  TimestampNs start_ns() const { return wall_clock_ns() - kLength; }

  CounterReadings readings_;
  Program program_;
  TestRun test_run_;
  Attachment& attachment_;
  std::uint64_t window_ = 0;
};

// The same packets, events and windows for each seed; with readings in between or without.
void play(unsigned seed, bool peeks, std::vector<std::vector<Counts>>& rows, std::vector<Books>& books) {
  std::mt19937 random(seed);
  std::mt19937 peeking(seed + 1);
  Fixture f;
  for (int step = 0; step < 600; ++step) {
    const auto what = random() % 100;
    const auto session = static_cast<std::uint8_t>(random() % 12);  // more than there are places
    if (what < 70) {
      f.send(session, random() % 3 == 0);
    } else if (what < 90) {
      f.read();
    } else if (what < 92) {
      f.lose_events();
    } else if (what < 95) {
      f.monitor.tick(wall_clock_ns());
    } else if (what < 97 && f.monitor.wants_rest()) {
      f.monitor.begin_rest();
      f.read();
      f.monitor.end_rest();
    } else {
      const bool compared = peeks && peeking() % 2 == 0;
      LiveSessions last;
      if (compared) {
        f.read();  // as swap() does
        f.read_counters();
        last = f.peek();
      } else {
        f.read();
      }
      const WindowReport report = f.swap();
      if (compared) {
        CHECK(counts_of(last.window) == counts_of(report));
        CHECK(books_of(last.window.attachments.at(0)) == books_of(report.attachments.at(0)));
      }
      rows.push_back(counts_of(report));
      books.push_back(books_of(report.attachments.at(0)));
    }
    if (peeks && peeking() % 4 == 0) {
      if (peeking() % 2 == 0) {
        f.read_counters(peeking() % 2 == 0);
      }
      f.peek();
    }
  }
}

}  // namespace

TEST_CASE("open window: readings at random moments change no report, and the last one is the report") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    std::vector<std::vector<Counts>> with_rows;
    std::vector<std::vector<Counts>> rows;
    std::vector<Books> with_books;
    std::vector<Books> books;
    play(seed, true, with_rows, with_books);
    play(seed, false, rows, books);
    CHECK(with_rows == rows);
    CHECK(with_books == books);
  }
}

TEST_CASE("open window: a session has what was counted so far, by counters and by events, in each direction") {
  Fixture f;
  f.send(1, false);
  f.read();
  for (int i = 0; i < 5; ++i) {
    f.send(1, i == 4);
  }
  f.read();
  LiveSessions live = f.peek();  // no counters were read
  REQUIRE(live.window.sessions.size() == 1);
  CHECK(live.window.sessions[0].packets_client + live.window.sessions[0].packets_server >= 3);
  f.read_counters();
  live = f.peek();
  REQUIRE(live.window.sessions.size() == 1);
  CHECK(live.window.sessions[0].packets_client == 5);
  CHECK(live.window.sessions[0].packets_server == 1);
  CHECK(live.window.sessions[0].packets.empty());
  CHECK(live.window.attachments.at(0).on_sessions.packets == 5);
  CHECK(f.swap().sessions.at(0).packets.size() == kCap);
  CHECK(f.peek().window.sessions.empty());
}

TEST_CASE("open window: what comes between two steps of a reading is in its session's row wholly or not at all") {
  Fixture f;
  for (std::uint8_t session = 0; session < 6; ++session) {
    f.send(session, false);
  }
  f.read();
  for (std::uint8_t session = 0; session < 6; ++session) {
    f.send(session, false);
  }
  f.read_counters();
  OpenWindow open = f.begin();
  CHECK(open.step(3) == OpenWindow::State::reading);
  for (std::uint8_t session = 0; session < 6; ++session) {
    f.send(session, false);
    f.send(session, true);
  }
  f.read();
  OpenWindow::State state = OpenWindow::State::reading;
  for (int steps = 0; state == OpenWindow::State::reading; ++steps) {
    REQUIRE(steps < 10);
    state = open.step(3);
  }
  CHECK(state == OpenWindow::State::done);
  LiveSessions live = open.take();
  finish(live, 0);
  REQUIRE(live.window.sessions.size() == 6);
  for (const SessionWindow& session : live.window.sessions) {
    CHECK(session.packets_client >= 2);
    CHECK(session.packets_client <= 3);
  }
  CHECK(live.window.sessions.front().packets_client == 2);
}

TEST_CASE("open window: a reading ends with its window") {
  Fixture f;
  f.send(1, false);
  f.read();
  OpenWindow open = f.begin();
  f.swap();
  CHECK(open.step(100) == OpenWindow::State::ended);
}

TEST_CASE("open window: a rate is of the time between two steps, also over the end of a window") {
  Fixture f;
  f.send(1, false);
  f.read();
  f.read_counters();
  f.send(1, false);
  f.read_counters();
  f.swap();
  for (int i = 0; i < 7; ++i) {
    f.send(1, false);
  }
  f.read();
  f.read_counters();
  const LiveSessions live = f.peek();
  REQUIRE(live.rates.size() == 1);
  CHECK(live.rates[0].packets_per_second == Approx(7));
  CHECK(live.rates[0].bits_per_second == Approx(7 * 8 * kBytes));
  CHECK(f.reader().moved() == 1);
}

TEST_CASE("open window: counters that are read one by one, within a time, have their turns") {
  Fixture f;
  for (std::uint8_t session = 0; session < 6; ++session) {
    f.send(session, false);
  }
  f.read();
  for (std::uint8_t session = 0; session < 6; ++session) {
    f.send(session, false);
  }
  f.reader().refuse_batches();
  CHECK(f.reader().one_by_one());
  f.read_counters();
  CHECK(f.reader().total().packets == 6);
  const LiveSessions live = f.peek();
  CHECK(live.window.attachments.at(0).on_sessions.packets == 6);
  CHECK(counts_of(live.window) == counts_of(f.swap()));
}

}  // namespace nicsentry::open_window_test
