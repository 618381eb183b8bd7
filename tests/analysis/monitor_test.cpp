// SPDX-License-Identifier: GPL-2.0-or-later
// The swap's arithmetic with the compiled program and its maps in the kernel; packets by test runs, the clock by hand.
#include "host/analysis/monitor.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

#include "host/base/wall_clock.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "tests/support/program_pool.h"

namespace nicsentry::monitor_test {

namespace {

using Frame = std::vector<std::uint8_t>;

struct Udp {
  std::uint32_t source;
  std::uint32_t destination;
  std::uint16_t source_port = 5000;
  std::uint16_t destination_port = 53;
};

constexpr std::uint32_t kBytes = 28;  // IPv4 and UDP without payload

Frame frame_of(const Udp& udp) {
  Frame frame(14 + kBytes);
  const auto put = [&frame](std::size_t at, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      frame[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
    }
  };
  put(12, 0x0800, 2);
  put(14, 0x45, 1);
  put(16, kBytes, 2);
  put(22, 64, 1);
  put(23, 17, 1);
  put(26, udp.source, 4);
  put(30, udp.destination, 4);
  put(34, udp.source_port, 2);
  put(36, udp.destination_port, 2);
  put(38, 8, 2);
  return frame;
}

Program load_program(std::uint32_t sessions) {
  return testing::pooled_program(
      {.object = find_object(kSentry, Target::xdp), .size = {sessions, bucket_bits_for(sessions)}});
}

class Fixture {
 public:
  Fixture(std::uint32_t sessions, std::uint64_t cap, const FingerprintKeys& keys = fixed_keys())
      : monitor(Profile::all, cap, wall_clock_ns),
        program_(load_program(sessions)),
        test_run_(program_),
        attachment(monitor.add_attachment(
            Attachment::fresh({"test", "xdp", "drv"}, std::move(program_), {sessions, keys, test_run_.cpu()}))) {}

  // Sends a packet, without the host reading its event.
  void send(const Udp& udp) { test_run_.run(frame_of(udp)); }
  std::size_t read() {
    EventBatch batch;
    attachment.reader().drain(batch);
    monitor.process(attachment, batch);
    return batch.events().size();
  }
  // The events that were sent are lost.
  void drop_events() {
    EventBatch lost;
    attachment.reader().drain(lost);
  }
  WindowCloser flip() { return monitor.flip(window_, static_cast<TimestampNs>(window_) * 1000); }
  WindowReport collect(WindowCloser& closing) {
    read();
    const WindowReport report = closing.collect(static_cast<TimestampNs>(window_ + 1) * 1000);
    ++window_;
    const Accounting& accounting = report.attachments.at(0);
    CHECK(accounting.unknown.packets == accounting.unknown_events_arrived + accounting.unknown_left_out());
    return report;
  }
  WindowReport swap() {
    WindowCloser closing = flip();
    return collect(closing);
  }

  Monitor monitor;

 private:
  Program program_;
  TestRun test_run_;
  std::uint64_t window_ = 0;

 public:
  Attachment& attachment;
};

std::uint64_t packets(const WindowReport& report) {
  std::uint64_t sum = 0;
  for (const SessionWindow& session : report.sessions) {
    sum += session.packets_client + session.packets_server;
  }
  return sum;
}

constexpr Udp kSession{0x0a000001, 0x0a000002};

}  // namespace

TEST_CASE("packets before the entry took effect are counted by their events, later ones by the program, none twice") {
  Fixture f(64, 100);
  f.send(kSession);
  f.send(kSession);  // still unknown: the host has not read yet
  CHECK(f.read() == 2);
  f.send(kSession);
  f.send({kSession.destination, kSession.source, kSession.destination_port, kSession.source_port});
  const WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].packets_client == 3);
  CHECK(report.sessions[0].packets_server == 1);
  CHECK(report.sessions[0].bytes_client == 3 * kBytes);
  CHECK(report.attachments[0].on_sessions.packets == 2);
  CHECK(report.attachments[0].learned.packets == 2);
  CHECK(report.attachments[0].in().packets == 4);
}

TEST_CASE("a session is captured up to the cap exactly, then muted, and captured again in the next window") {
  Fixture f(64, 3);
  f.send(kSession);
  f.read();
  for (int i = 0; i < 5; ++i) {
    f.send(kSession);
    f.read();
  }
  f.send(kSession);
  CHECK(f.read() == 0);
  WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].packets.size() == 3);
  CHECK(report.sessions[0].packets_client == 7);
  f.send(kSession);
  CHECK(f.read() == 1);
  report = f.swap();
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].packets.size() == 1);
}

TEST_CASE("a late addition to a half that was read already is counted at the next reading") {
  Fixture f(64, 100);
  f.send(kSession);
  f.read();
  const std::uint32_t old_epoch = f.monitor.open_epoch();
  CHECK(packets(f.swap()) == 1);
  f.attachment.set_epoch(old_epoch);  // a packet that is still under way with what it read before the swap
  f.send(kSession);
  f.attachment.set_epoch(f.monitor.open_epoch());
  f.read();
  const std::uint64_t next = packets(f.swap());
  CHECK(next + packets(f.swap()) == 1);
}

TEST_CASE("the time of a muted session's last packet is known to a tick, and the row has the uncertainty") {
  Fixture f(64, 1);
  f.send(kSession);
  f.read();
  f.send(kSession);
  f.read();
  f.monitor.tick(TimestampNs{1} << 62);
  const WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].last_packet_ns == TimestampNs{1} << 62);
  CHECK(report.sessions[0].last_packet_uncertainty_ns > 0);
}

TEST_CASE("a full table refuses new sessions, counts them as unknown, and leaves the old ones alone") {
  Fixture f(4, 100);
  for (std::uint32_t i = 0; i < 10; ++i) {
    f.send({0x0a000001 + i, 0x0b000001});
    f.read();
  }
  f.send({0x0a000001, 0x0b000001});
  f.read();
  const WindowReport report = f.swap();
  CHECK(report.sessions.size() == 4);
  CHECK(report.attachments[0].sessions_refused == 6);
  CHECK(packets(report) == 5);
  CHECK(report.attachments[0].in().packets == 11);
}

TEST_CASE("idle sessions are evicted when counters are scarce") {
  Fixture f(4, 100);
  for (std::uint32_t i = 0; i < 4; ++i) {
    f.send({0x0a000001 + i, 0x0b000001});
    f.read();
  }
  for (int i = 0; i < 6; ++i) {
    f.swap();
  }
  f.send({0x0c000001, 0x0b000001});
  f.read();
  const WindowReport report = f.swap();
  CHECK(report.sessions.size() == 1);
  CHECK(report.attachments[0].sessions_refused == 0);
}

TEST_CASE("two sessions that share a fingerprint are detected, and new keys tell them apart") {
  // With keys of 0 the fingerprint is a plain product: 2 x 6 = 3 x 4, as raw words of addresses.
  Fixture f(64, 100, FingerprintKeys{});
  const Udp one{0x02000000, 0x06000000};
  const Udp two{0x03000000, 0x04000000};
  f.send(one);
  f.send(two);  // both before an entry: both are learned
  f.read();
  f.send(two);
  f.read();
  f.swap();
  f.swap();  // the new keys' entries are placed at a swap
  f.send(one);
  f.send(two);
  f.send(two);
  const WindowReport report = f.swap();
  REQUIRE(report.sessions.size() == 2);
  CHECK(report.sessions[0].packets_client + report.sessions[0].packets_server == 1);
  CHECK(report.sessions[1].packets_client + report.sessions[1].packets_server == 2);
  CHECK(report.attachments[0].on_sessions.packets == 3);
}

TEST_CASE("packets of the next window wait while a window is closing") {
  Fixture f(64, 100);
  f.send(kSession);
  f.read();
  WindowCloser closing = f.flip();
  f.send(kSession);  // already counted in the next window
  CHECK(f.read() == 1);
  CHECK(packets(f.collect(closing)) == 1);
  CHECK(packets(f.swap()) == 1);
}

TEST_CASE("a program that is added while a window is closing is in the next report, and only there") {
  Fixture f(64, 100);
  f.send(kSession);
  f.read();
  WindowCloser closing = f.flip();
  Program program = load_program(64);
  TestRun run(program);
  Attachment& added = f.monitor.add_attachment(
      Attachment::fresh({"added", "xdp", "drv"}, std::move(program), {64, fixed_keys(), run.cpu()}));
  CHECK(added.epoch() == f.monitor.open_epoch());
  run.run(frame_of({0x0c000001, 0x0b000001}));
  EventBatch batch;
  added.reader().drain(batch);
  REQUIRE(batch.events().size() == 1);
  f.monitor.process(added, batch);

  WindowReport report = f.collect(closing);
  CHECK(report.attachments.size() == 1);
  CHECK(packets(report) == 1);
  report = f.swap();
  REQUIRE(report.attachments.size() == 2);
  CHECK(report.attachments[1].interface == "added");
  CHECK(report.attachments[1].in().packets == 1);
  CHECK(report.attachments[1].learned.packets == 1);
  CHECK(packets(report) == 1);
  CHECK(f.monitor.take_failures().empty());
}

TEST_CASE("a slot that is vacated while a window is closing rests until the next window is closed") {
  Fixture f(4, 100);
  f.send(kSession);
  f.read();
  WindowCloser closing = f.flip();
  AttachmentSessions& sessions = f.attachment.sessions();
  const auto mark = sessions.rest_mark();
  sessions.evict(0);
  CHECK(sessions.resting_slots() == 1);
  f.collect(closing);
  CHECK(sessions.rest_mark().slots == mark.slots + 1);
  CHECK(sessions.resting_slots() == 1);
  f.swap();
  CHECK(sessions.resting_slots() == 0);
}

TEST_CASE("sessions that are silent for several windows are read in turn when reading takes too long") {
  constexpr std::uint32_t kSessions = 10;
  Fixture f(64, 100);
  const auto session = [](std::uint32_t number) { return Udp{0x0a000001 + number, 0x0b000001}; };
  for (std::uint32_t i = 0; i < kSessions; ++i) {
    f.send(session(i));
  }
  f.read();
  CHECK(f.swap().sessions.size() == kSessions);
  for (int i = 0; i < 3; ++i) {
    CHECK(f.swap().sessions.empty());
  }
  f.monitor.limit_reading(std::chrono::nanoseconds(1));
  f.swap();  // it is the first one's turn
  for (std::uint32_t i = 0; i < kSessions; ++i) {
    f.send(session(i));
  }
  f.drop_events();
  std::uint64_t counted = 0;
  for (std::uint32_t i = 0; i < kSessions; ++i) {
    CAPTURE(i);
    if (i == 4) {
      f.send(session(9));  // one that is not silent any more is read at once
      f.read();
    }
    const WindowReport report = f.swap();
    CHECK(report.sessions.size() == (i == 4 ? 2 : 1) - (i == 8 ? 1U : 0U));
    CHECK(report.attachments[0].sessions_active == report.sessions.size());
    CHECK(report.attachments[0].on_sessions.packets == packets(report));
    counted += packets(report);
  }
  CHECK(counted == kSessions + 1);
  f.monitor.limit_reading({});
  CHECK(f.swap().sessions.empty());
  CHECK(f.swap().sessions.empty());
}

TEST_CASE("a second flip is an error until the first one is collected") {
  Fixture f(64, 100);
  f.send(kSession);
  f.read();
  WindowCloser closing = f.flip();
  const std::uint32_t epoch = f.monitor.open_epoch();
  CHECK_THROWS_AS(f.flip(), std::logic_error);
  CHECK(f.monitor.open_epoch() == epoch);
  CHECK(f.attachment.epoch() == epoch);
  CHECK(packets(f.collect(closing)) == 1);
  CHECK_NOTHROW(f.swap());
}

TEST_CASE("a window whose closer was dropped cannot be left out: the next flip is an error") {
  Fixture f(64, 100);
  { const WindowCloser dropped = f.flip(); }
  CHECK_THROWS_AS(f.flip(), std::logic_error);
}

TEST_CASE("a closer can be moved, and collects once") {
  Fixture f(64, 100);
  f.send(kSession);
  f.read();
  WindowCloser first = f.flip();
  WindowCloser closing = std::move(first);
  CHECK_THROWS_AS(first.collect(1000), std::logic_error);  // NOLINT(bugprone-use-after-move)
  CHECK(packets(f.collect(closing)) == 1);
  CHECK_THROWS_AS(closing.collect(1000), std::logic_error);
}

TEST_CASE("a tick while a window is closing changes no time of a last packet") {
  Fixture f(64, 1);
  f.send(kSession);
  f.read();
  f.send(kSession);
  f.read();
  WindowCloser closing = f.flip();
  f.send(kSession);
  f.monitor.tick(TimestampNs{1} << 62);
  const WindowReport report = f.collect(closing);
  REQUIRE(report.sessions.size() == 1);
  CHECK(report.sessions[0].last_packet_ns < TimestampNs{1} << 62);
}

}  // namespace nicsentry::monitor_test
