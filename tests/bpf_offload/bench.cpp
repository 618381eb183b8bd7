// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bpf_offload/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "host/datapath/object_file.h"
#include "host/packet/hash_mix.h"
#include "host/ports/program_choice.h"
#include "tests/support/program_pool.h"

namespace nicsentry::testing {
namespace {

constexpr std::uint32_t kXdpPass = 2;
constexpr std::uint32_t kTcUnspecified = 0xffffffff;  // -1

Program load(const ObjectName& object, bool multi_buffer) {
  const TableSize size{Bench::kSessions, Bench::kBucketBits};
  const auto file = find_object(program_for(object.profile), object.target);
  if (!object.on_xdp()) {
    return Program::load({.object = file, .mode = Mode::tc, .size = size});
  }
  Interface jumbo;
  jumbo.name = "none";
  jumbo.mtu = 9000;
  return Program::load({.object = file, .size = size, .port = multi_buffer ? std::optional(jumbo) : std::nullopt});
}

std::string text(const totals_row& row) {
  return fmt::format("{{packets {}, bytes {}, events_unknown {}, events_known {}}}", row.packets, row.bytes,
                     row.events_unknown, row.events_known);
}

std::string text(const session_counters& c) {
  return fmt::format("{{packets {}/{}, bytes {}/{}}}", c.packets[0], c.packets[1], c.bytes[0], c.bytes[1]);
}

std::string text(const event_header& e) {
  return fmt::format("{{epoch {}, counter {:#x}, bytes {}, segments {}, segment_payload {}}}", e.epoch, e.counter,
                     e.bytes, e.segments, e.segment_payload);
}

template <typename T>
void compare(std::string& report, const std::string& what, const T& expected, const T& seen) {
  if (text(expected) != text(seen)) {
    report += fmt::format("{}: expected {}, seen {}\n", what, text(expected), text(seen));
  }
}

// The bytes up to the end of the transport header's first 20, even behind two tags.
std::size_t event_bytes(std::size_t frame, bool on_card, std::size_t transport_offset) {
  const std::size_t link = on_card ? 14 + 2 * 4 : 14 + 8 * 4;  // Ethernet, and all tags that are walked
  return std::min(frame, std::max<std::size_t>(EVENT_PACKET_BYTES, link + transport_offset + 20));
}

void compare_events(std::string& report, const EventBatch& seen, const std::optional<event_header>& expected,
                    std::span<const std::uint8_t> packet) {
  const std::size_t wanted = expected ? 1 : 0;
  if (seen.events().size() != wanted) {
    report += fmt::format("events: expected {}, seen {}\n", wanted, seen.events().size());
    return;
  }
  if (!expected) {
    return;
  }
  const auto& event = seen.events().front();
  compare(report, "event", *expected, event.header);
  const auto bytes = seen.packet(event);
  constexpr std::size_t kPadding = 7;  // EventBatch::packet
  if (bytes.size() < packet.size() || bytes.size() > packet.size() + kPadding ||
      !std::equal(packet.begin(), packet.end(), bytes.begin())) {
    report += fmt::format("event's packet: expected {}, seen {}\n", hex(packet), hex(bytes));
  }
}

}  // namespace

std::string ObjectName::text() const { return find_object(program_for(profile), target).stem(); }

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string result;
  for (const std::uint8_t byte : bytes) {
    fmt::format_to(std::back_inserter(result), "{:02x}", byte);
  }
  return result;
}

control control_for(const Situation& situation, const FingerprintKeys& keys) {
  control value{};
  value.epoch = situation.epoch;
  value.config = situation.share | Bench::kBucketBits << CONFIG_BUCKET_BITS_SHIFT |
                 (situation.capture_known ? CONFIG_CAPTURE_KNOWN : 0) |
                 (situation.partial_frames ? CONFIG_PARTIAL_FRAMES : 0) | (situation.vlans ? CONFIG_VLANS : 0);
  std::copy(keys.begin(), keys.end(), std::begin(value.keys));
  return value;
}

Bench::Bench(const ObjectName& object, bool multi_buffer)
    : object_(object),
      program_(load(object, multi_buffer)),
      run_(program_),
      reader_(program_.maps().records_fd(), run_.cpu(), object.raw_ip() ? LinkHeader::none : LinkHeader::ethernet) {}

Bench& Bench::shared(const ObjectName& object, bool multi_buffer) {
  static std::map<std::pair<std::string, bool>, std::unique_ptr<Bench>> benches;
  auto& bench = benches[{object.text(), multi_buffer}];
  if (!bench) {
    bench = std::make_unique<Bench>(object, multi_buffer);
  }
  empty_maps(bench->program_.fd());
  bench->take_events();
  return *bench;
}

bool Bench::takes(std::span<const std::uint8_t> frame) const {
  if (object_.on_xdp()) {
    return true;
  }
  if (object_.raw_ip() && frame.size() < 2 * kEthernet) {
    return false;
  }
  frame = sent(frame);
  const unsigned type = frame[12] * 256U + frame[13];
  return !(type == 0x0800 && frame.size() < 34) && !(type == 0x86dd && frame.size() < 54);
}

void Bench::set_control(const control& value) { maps().write_control(value); }

void Bench::install(const SessionKey& key, const Situation& situation) {
  const Fingerprint print = fingerprint(key, keys_);
  const CandidateBuckets buckets = candidate_buckets(print, kBucketBits);
  session_bucket bucket{};
  session_slot& slot = bucket.slot[situation.slot];
  std::ranges::copy(print.words(), std::begin(slot.fingerprint));
  slot.counter = situation.counter.value();
  slot.muted_epoch = situation.muted_epoch;
  slot.state = SLOT_VALID;
  maps().write_bucket(situation.second_bucket ? buckets.second : buckets.first, bucket);
}

EventBatch Bench::take_events() {
  EventBatch batch;
  reader_.drain(batch);
  return batch;
}

Bench::BothHalves Bench::read_totals() const {
  return {program_.maps().read_totals(0), program_.maps().read_totals(1)};
}

std::string Bench::differences(std::span<const std::uint8_t> frame, const Reading& reading,
                               const Situation& situation) {
  DirectedKey directed = normalise(reading.source, reading.destination, reading.protocol);
  directed.key.vlans = situation.vlans.value_or(VlanIds());
  set_control(control_for(situation, keys_));
  if (situation.counter) {
    install(directed.key, situation);
  }
  take_events();
  const std::uint32_t counter = situation.counter.value_or(0);
  BothHalves totals = read_totals();
  std::array<session_counters, 2> counters{maps().read_counters(counter, 0), maps().read_counters(counter, 1)};

  const unsigned half = situation.epoch % 2;
  std::optional<event_header> event;
  if (reading.cause) {
    totals_row& row = totals[half][TOTALS_SHARDS + *reading.cause];
    row.packets += 1;
    row.bytes += reading.bytes;
  } else {
    totals_row& row = totals[half][mix_hash(fingerprint(directed.key, keys_).a) % TOTALS_SHARDS];
    const std::uint32_t id = situation.counter.value_or(EVENT_UNKNOWN);
    bool sent = situation.share == CONFIG_SHARE_ALL;
    if (situation.counter) {
      const bool from_higher = directed.direction == Direction::from_higher;
      counters[half].packets[from_higher] += 1;
      counters[half].bytes[from_higher] += reading.bytes;
      sent = sent && situation.capture_known && situation.muted_epoch != situation.epoch;
      row.events_known += sent;
    } else {
      row.packets += 1;
      row.bytes += reading.bytes;
      row.events_unknown += sent;
    }
    if (sent) {
      event = event_header{situation.epoch, id, reading.bytes, 1, 0, 0, 0};
    }
  }

  const std::uint32_t verdict = run(frame);
  if (situation.counter) {
    clear_sessions();
  }

  std::string report;
  const std::uint32_t pass = object_.on_xdp() ? kXdpPass : kTcUnspecified;
  if (verdict != pass) {
    report += fmt::format("verdict: expected {}, seen {}\n", pass, verdict);
  }
  const BothHalves totals_seen = read_totals();
  for (unsigned h = 0; h < 2; ++h) {
    for (std::size_t row = 0; row < TOTALS_ROWS; ++row) {
      compare(report, fmt::format("totals row {} of half {}", row, h), totals[h][row], totals_seen[h][row]);
    }
    compare(report, fmt::format("counters of half {}", h), counters[h], maps().read_counters(counter, h));
  }
  compare_events(report, take_events(), event,
                 frame.first(frame.size() - sent(frame).size() +
                             event_bytes(sent(frame).size(), object_.on_card(), reading.transport_offset)));
  return report.empty() ? report : report + "frame " + hex(frame) + "\n";
}

}  // namespace nicsentry::testing
