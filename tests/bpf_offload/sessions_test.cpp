// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <random>

#include "tests/bpf_offload/fixtures.h"

namespace nicsentry::testing {
namespace {

Bytes udp_packet(const Endpoint& source, const Endpoint& destination, std::size_t payload) {
  return PacketBuilder()
      .addresses(source.address, destination.address)
      .udp(source.port, destination.port)
      .payload(payload)
      .build();
}

TEST_CASE("each end of a session counts by itself, each window in its half") {
  // 10.0.0.1 is the lower end: 0x0100000a < 0x090200c0.
  const Endpoint lower{ipv4(10, 0, 0, 1), 53};
  const Endpoint higher{ipv4(192, 0, 2, 9), 5353};
  for (const ObjectName& object : kObjects) {
    INFO(object.text());
    Bench& bench = Bench::shared(object);
    bench.install({lower, higher, Protocol::udp}, {.counter = 3});
    bench.set_control(control_for({.epoch = 1}, bench.keys()));
    bench.run(udp_packet(lower, higher, 10));
    bench.run(udp_packet(lower, higher, 20));
    bench.run(udp_packet(higher, lower, 100));
    bench.set_control(control_for({.epoch = 2}, bench.keys()));
    bench.run(udp_packet(higher, lower, 1000));

    const session_counters odd = bench.maps().read_counters(3, 1);
    CHECK(odd.packets[0] == 2);
    CHECK(odd.bytes[0] == 28 + 10 + 28 + 20);
    CHECK(odd.packets[1] == 1);
    CHECK(odd.bytes[1] == 128);
    const session_counters even = bench.maps().read_counters(3, 0);
    CHECK(even.packets[0] == 0);
    CHECK(even.bytes[0] == 0);
    CHECK(even.packets[1] == 1);
    CHECK(even.bytes[1] == 1028);
  }
}

TEST_CASE("control all zero: everything passes and counts, nothing is sent") {
  for (const ObjectName& object : kObjects) {
    Bench& bench = Bench::shared(object);
    bench.set_control({});
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    for (const Fixture& fixture : fixtures()) {
      if (!bench.takes(fixture.frame)) continue;
      INFO(object.text() << ": " << fixture.why);
      CHECK(bench.run(fixture.frame) == (object.on_xdp() ? 2U : 0xffffffffU));
      ++packets;
      bytes += fixture.reading_of(object).bytes;
    }
    INFO(object.text());
    CHECK(bench.take_events().events().empty());
    totals_row sum{};
    for (const totals_row& row : bench.maps().read_totals(0)) {
      sum.packets += row.packets;
      sum.bytes += row.bytes;
      CHECK(row.events_unknown + row.events_known == 0);
    }
    CHECK(sum.packets == packets);
    CHECK(sum.bytes == bytes);
    for (const totals_row& row : bench.maps().read_totals(1)) CHECK(row.packets == 0);
  }
}

TEST_CASE("a slot without SLOT_VALID is no session") {
  const Endpoint lower{ipv4(10, 0, 0, 1), 53};
  const Endpoint higher{ipv4(192, 0, 2, 9), 5353};
  for (const ObjectName& object : kObjects) {
    INFO(object.text());
    Bench& bench = Bench::shared(object);
    const SessionKey key{lower, higher, Protocol::udp};
    bench.install(key, {.counter = 3});
    const auto index = candidate_buckets(fingerprint(key, bench.keys()), Bench::kBucketBits).first;
    session_bucket bucket = bench.maps().read_bucket(index);
    bucket.slot[0].state = 0;
    bench.maps().write_bucket(index, bucket);
    bench.set_control(control_for({}, bench.keys()));
    bench.run(udp_packet(lower, higher, 10));
    CHECK(bench.maps().read_counters(3, 1).packets[0] == 0);
    const EventBatch events = bench.take_events();
    REQUIRE(events.events().size() == 1);
    CHECK(events.events().front().header.counter == EVENT_UNKNOWN);
  }
}

TEST_CASE("about as many packets of unknown sessions are sent as the share says") {
  constexpr int kPackets = 8000;
  constexpr int kExpected = kPackets / 4;
  constexpr int kTolerance = 200;  // five standard deviations
  const Bytes packet = udp_packet({ipv4(10, 0, 0, 1), 53}, {ipv4(192, 0, 2, 9), 5353}, 10);
  for (const ObjectName& object : kObjects) {
    INFO(object.text());
    Bench& bench = Bench::shared(object);
    bench.set_control(control_for({.share = 0x4000}, bench.keys()));
    int seen = 0;
    for (int i = 0; i < kPackets; ++i) {
      bench.run(packet);
      if (i % 64 == 63) seen += static_cast<int>(bench.take_events().events().size());
    }
    CHECK(seen > kExpected - kTolerance);
    CHECK(seen < kExpected + kTolerance);
    std::uint64_t counted = 0;
    for (const totals_row& row : bench.maps().read_totals(1)) counted += row.events_unknown;
    CHECK(counted == static_cast<std::uint64_t>(seen));
  }
}

TEST_CASE("the host's fingerprint is the program's: packets of random tuples count on the session the host wrote") {
  std::mt19937 random(20240601);
  const auto number = [&random](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  for (const ObjectName& object : kObjects) {
    Bench& bench = Bench::shared(object);
    for (int i = 0; i < 300; ++i) {
      Reading reading;
      for (Endpoint* end : {&reading.source, &reading.destination}) {
        end->address.version = i % 2 == 0 ? 4 : 6;
        // Now and then words that are equal on both sides, so that later ones decide.
        const std::size_t fixed = i % 5 == 0 ? number(4) * 4 : 0;
        for (std::size_t at = 0; at < (i % 2 == 0 ? 4U : 16U); ++at) {
          end->address.bytes[at] = at < fixed ? std::uint8_t{0x11} : low_byte(random());
        }
        end->port = static_cast<std::uint16_t>(number(65536));
      }
      if (i % 7 == 0) {
        reading.destination.address = reading.source.address;  // ports decide
      }
      reading.protocol = i % 3 == 0 ? Protocol::tcp : Protocol::udp;
      const std::size_t header = i % 3 == 0 ? 20 : 8;
      const std::size_t ip = i % 2 == 0 ? 20 : 40;
      reading.transport_offset = ip;
      reading.bytes = static_cast<std::uint32_t>(ip + header);
      for (int direction = 0; direction < 2; ++direction) {
        PacketBuilder builder;
        builder.addresses(reading.source.address, reading.destination.address);
        if (reading.protocol == Protocol::tcp) {
          builder.tcp(reading.source.port, reading.destination.port);
        } else {
          builder.udp(reading.source.port, reading.destination.port);
        }
        const Situation known{.epoch = number(1000) + 1, .counter = number(Bench::kSessions)};
        INFO(object.text() << ", tuple " << i << ", direction " << direction);
        CHECK(bench.differences(builder.build(), reading, known) == "");
        std::swap(reading.source, reading.destination);
      }
    }
  }
}

TEST_CASE("of a frame in several buffers XDP sees the first: its IP length counts only where that is expected") {
  const Bytes frame =
      PacketBuilder().addresses(ipv4(192, 0, 2, 9), ipv4(10, 0, 0, 1)).tcp(40000, 443).payload(6000).build();
  for (const ObjectName& object : kObjects) {
    if (!object.on_xdp()) continue;
    INFO(object.text());
    Bench& bench = Bench::shared(object, true);
    Reading reading = read_naively(frame, object.tracks_icmp(), object.target == Target::card);
    REQUIRE(reading.bytes == 6040);
    CHECK(bench.differences(frame, reading, {.partial_frames = true}) == "");
    CHECK(bench.differences(frame, reading, {.partial_frames = true, .counter = 1}) == "");
    // Without the flag it is a frame of what the first buffer holds.
    bench.set_control(control_for({}, bench.keys()));
    const totals_row before = bench.maps().read_totals(1)[TOTALS_SHARDS + CAUSE_TRUNCATED];
    bench.run(frame);
    CHECK(bench.maps().read_totals(1)[TOTALS_SHARDS + CAUSE_TRUNCATED].packets == before.packets + 1);
  }
}

}  // namespace
}  // namespace nicsentry::testing
