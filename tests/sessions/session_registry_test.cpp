// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/session_registry.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <future>
#include <memory>
#include <vector>

#include "bpf_offload/types.h"
#include "host/export/files/window_files.h"
#include "host/report/window_report.h"
#include "host/run/subscriber.h"

namespace nicsentry::session_registry_test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::uint32_t kTable = 65536;  // --sessions
constexpr std::uint32_t kCap = 100;
// docs/usage.md has both.
constexpr std::size_t kWindowBytes = 220 * kMiB;
constexpr std::size_t kWindowsAtMost = 6;
constexpr std::size_t kUncappedWindowBytes = 400 * kMiB;  // --cap 0
constexpr std::size_t kAllUncappedBytes = 2048 * kMiB;

ParsedPacket packet_of(std::uint32_t session) {
  ParsedPacket packet{};
  packet.protocol = Protocol::udp;
  packet.source = {IpAddress{}, static_cast<std::uint16_t>(session)};
  packet.source.address.version = packet.destination.address.version = 4;
  packet.destination.address.bytes[3] = 1;
  packet.key = normalise(packet.source, packet.destination, packet.protocol);
  return packet;
}

event_header event_of(std::uint16_t segments) {
  event_header event{};
  event.segments = segments;
  event.bytes = 100U * segments;
  return event;
}

WindowReport close(SessionRegistry& registry, std::uint64_t number) {
  WindowReport report;
  report.number = number;
  report.sessions = registry.close_window(number, number & 1U);
  return report;
}

// Memory of this process, as the kernel counts it.
std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void fill(SessionRegistry& registry) {
  for (std::uint32_t number = 0; number < kTable; ++number) {
    const ParsedPacket packet = packet_of(number);
    Session* known = registry.find(packet.key.key);
    Session& session = known != nullptr ? *known : registry.add(packet);
    session.attachments = 1;
    for (std::uint32_t i = 0; i < kCap; ++i) registry.capture(session, i, packet, event_of(1));
  }
}

}  // namespace

TEST_CASE("the process grows as it is documented while a full window waits and the next one is open", "[slow]") {
  const std::size_t before = resident_bytes();
  SessionRegistry registry(Profile::all, kCap);
  fill(registry);
  const WindowReport waiting = close(registry, 0);
  fill(registry);
  const std::size_t grown = resident_bytes() - before;
  const std::size_t packets = std::size_t{kTable} * kCap * sizeof(PacketFeatures);
  CAPTURE(grown / kMiB);
  CHECK(waiting.sessions.size() == kTable);
  CHECK(grown > 2 * packets * 9 / 10);
#ifndef NICSENTRY_SANITIZE  // which keeps notes of its own for each byte
  CHECK(grown < 2 * kWindowBytes);
#endif
}

TEST_CASE("a full table whose sessions reach the cap takes the memory that is documented", "[slow]") {
  SessionRegistry registry(Profile::all, kCap);
  for (std::uint32_t number = 0; number < kTable; ++number) {
    const ParsedPacket packet = packet_of(number);
    Session& session = registry.add(packet);
    session.attachments = 1;
    for (std::uint32_t i = 0; i < kCap; ++i) registry.capture(session, i, packet, event_of(1));
  }
  CHECK(registry.take_features_left_out() == 0);
  const WindowReport report = close(registry, 0);
  std::size_t packets = 0;
  for (const SessionWindow& session : report.sessions) packets += session.packets.size();
  CHECK(packets == std::size_t{kTable} * kCap);
  CHECK(memory_of(report) < kWindowBytes);
  CHECK(memory_of(report) > packets * sizeof(PacketFeatures));
}

// Lists of packets grow by doubling: with one packet more than a power of two they have the most room that is not used.
TEST_CASE("a window without a cap takes the memory that is documented, whatever comes", "[slow]") {
  constexpr std::uint32_t kPacketsEach = 129;
  SessionRegistry registry(Profile::all, 0);
  for (std::uint32_t number = 0; number < kTable; ++number) {
    const ParsedPacket packet = packet_of(number);
    Session& session = registry.add(packet);
    session.attachments = 1;
    for (std::uint32_t i = 0; i < kPacketsEach; ++i) registry.capture(session, i, packet, event_of(1));
  }
  CHECK(registry.take_features_left_out() == std::size_t{kTable} * kPacketsEach - 8'388'608);
  const WindowReport report = close(registry, 0);
  CAPTURE(memory_of(report) / kMiB);
  CHECK(memory_of(report) < kUncappedWindowBytes);
  CHECK(memory_of(report) > kUncappedWindowBytes / 2);
}

TEST_CASE("a window keeps the features of so many packets, also without a cap, and counts the others") {
  SessionRegistry registry(Profile::all, 0, 1000);
  const ParsedPacket first = packet_of(1);
  const ParsedPacket second = packet_of(2);
  Session& large = registry.add(first);
  Session& small = registry.add(second);
  large.attachments = small.attachments = 1;
  for (int window = 0; window < 2; ++window) {
    for (int i = 0; i < 99; ++i) CHECK(registry.capture(large, i, first, event_of(10)));
    CHECK(registry.take_features_left_out() == 0);
    CHECK(registry.capture(large, 99, first, event_of(16)));
    CHECK(registry.capture(small, 200, second, event_of(1)));
    registry.count(small, Direction::from_lower, {1, 100});
    CHECK(registry.take_features_left_out() == 6 + 1);
    CHECK(registry.take_features_left_out() == 0);
    const WindowReport report = close(registry, static_cast<std::uint64_t>(window));
    REQUIRE(report.sessions.size() == 2);
    CHECK(report.sessions[0].packets.size() == 1000);
    CHECK(report.sessions[1].packets.empty());
    CHECK(report.sessions[1].last_packet_ns == 200);
    CHECK(report.sessions[1].packets_server + report.sessions[1].packets_client == 1);
  }
}

TEST_CASE("a session that is removed with its row gives its room for features back") {
  SessionRegistry registry(Profile::all, 0, 10);
  const ParsedPacket packet = packet_of(1);
  Session& removed = registry.add(packet);
  registry.capture(removed, 0, packet, event_of(10));
  registry.remove_with_row(removed);
  registry.capture(registry.add(packet), 1, packet, event_of(10));
  CHECK(registry.take_features_left_out() == 0);
}

TEST_CASE("a row is marked where an event said that a packet was dropped, and no other row") {
  SessionRegistry registry(Profile::all, 1);
  const ParsedPacket packet = packet_of(0);
  Session& session = registry.add(packet);
  Session& other = registry.add(packet_of(1));
  session.attachments = other.attachments = 1;
  event_header dropped = event_of(1);
  dropped.verdict = ACTION_DROP | ACTION_LOG;
  event_header logged = event_of(1);
  logged.verdict = ACTION_LOG;
  const auto marks = [&registry](std::uint64_t window) {
    std::vector<bool> seen;
    for (const SessionWindow& row : close(registry, window).sessions) seen.push_back(row.dropped);
    return seen;
  };
  registry.capture(session, 1, packet, event_of(1));
  registry.capture(session, 2, packet, dropped);  // beyond the cap
  registry.capture(session, 3, packet, logged);
  registry.capture(other, 3, packet_of(1), logged);
  CHECK(marks(0) == std::vector<bool>{true, false});
  registry.capture(session, 4, packet, event_of(1));
  CHECK(marks(1) == std::vector<bool>{false});
  registry.capture(session, 5, packet, dropped);
  registry.begin_anew(session, packet, 0);
  registry.capture(session, 6, packet, event_of(1));
  CHECK(marks(2) == std::vector<bool>{true, false});
}

TEST_CASE("six windows are in memory at most while neither the disk nor standard output takes any") {
  const std::size_t bytes = GENERATE(kWindowBytes, kUncappedWindowBytes);
  std::promise<void> go_on;
  const std::shared_future<void> stalled = go_on.get_future().share();
  std::vector<std::weak_ptr<const WindowReport>> windows;
  {
    const auto stand_still = [stalled](const auto&) { stalled.wait(); };
    Subscriber<WindowReport> disk("files", window_files_limits(false), stand_still);
    Subscriber<WindowReport> text("standard output", QueueLimits(), stand_still);
    for (int number = 0; number < 20; ++number) {
      const auto window = std::make_shared<const WindowReport>();
      windows.push_back(window);
      disk.offer(window, bytes);
      text.offer(window, bytes);
    }
    std::size_t held = 0;
    for (const auto& window : windows) held += window.expired() ? 0 : 1;
    CAPTURE(bytes / kMiB, held);
    CHECK(held >= (bytes == kWindowBytes ? 2U : 1U));
    CHECK(held + 1 <= kWindowsAtMost);  // and the open one
    CHECK((held + 1) * bytes <= kAllUncappedBytes);
    go_on.set_value();
  }
}

}  // namespace nicsentry::session_registry_test
