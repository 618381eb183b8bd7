// SPDX-License-Identifier: GPL-2.0-or-later
// VLANs as part of sessions (CONFIG_VLANS): on the host, and in the builds for the card that know them.
#include <catch2/catch.hpp>

#include "tests/bpf_offload/fixtures.h"

namespace nicsentry::testing {
namespace {

constexpr std::uint16_t kTag = 0x8100;
constexpr std::uint16_t kServiceTag = 0x88a8;
constexpr std::uint16_t kOldTag = 0x9100;
constexpr std::uint32_t kVlanSession = 7;

constexpr std::array kVlanObjects = {
    ObjectName{Profile::ddos, Target::card_vlan}, ObjectName{Profile::crypto, Target::card_vlan},
    ObjectName{Profile::ddos, Target::xdp},       ObjectName{Profile::crypto, Target::tc},
    ObjectName{Profile::all, Target::xdp},        ObjectName{Profile::all, Target::tc}};

struct Tagged {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> tags;  // type, priority and id
  VlanIds vlans;
  bool on_card = true;
};

const std::vector<Tagged>& tagged() {
  static const std::vector<Tagged> rows = {
      {{}, {}},
      {{{kTag, 10}}, {10, 0}},
      {{{kTag, 20}}, {20, 0}},
      {{{kTag, 0xffff}}, {4095, 0}},
      {{{kServiceTag, 10}, {kTag, 0x2014}}, {10, 20}},
      {{{kServiceTag, 20}, {kTag, 10}}, {20, 10}},
      {{{kTag, 0x6000}}, {}},  // a priority only
      {{{kTag, 0}, {kTag, 10}}, {10, 0}},
      {{{kTag, 10}, {kTag, 0}}, {10, 0}},
      {{{kOldTag, 10}, {kTag, 20}, {kTag, 30}}, {10, 20}, false},
      {{{kTag, 0}, {kTag, 0}, {kTag, 30}, {kTag, 0}, {kTag, 40}}, {30, 40}, false},
      {{{kTag, 1}, {kTag, 2}, {kTag, 3}, {kTag, 4}, {kTag, 5}, {kTag, 6}, {kTag, 7}, {kTag, 8}}, {1, 2}, false},
  };
  return rows;
}

Bytes frame_of(const Tagged& row, bool v6) {
  PacketBuilder builder;
  v6 ? builder.addresses(ipv6(1), ipv6(2)) : builder.addresses(ipv4(192, 0, 2, 9), ipv4(10, 0, 0, 1));
  for (const auto& [type, id] : row.tags) {
    builder.vlan(type, id);
  }
  return builder.udp(5000, 53).payload(10).build();
}

template <typename Act>
void for_each(Act act) {
  for (const ObjectName& object : kVlanObjects) {
    for (const Tagged& row : tagged()) {
      for (const bool v6 : {false, true}) {
        if (object.on_card() && !row.on_card) continue;
        const Bytes frame = frame_of(row, v6);
        INFO(object.text() << ", vlan " << row.vlans.text() << ", " << row.tags.size() << " tags, IPv6 " << v6);
        act(object, row, frame, read_naively(frame, object.tracks_icmp(), object.on_card()));
      }
    }
  }
}

}  // namespace

TEST_CASE("VLANs are part of a session's name where the host asks for it") {
  for_each([](const ObjectName& object, const Tagged& row, const Bytes& frame, const Reading& reading) {
    Bench& bench = Bench::shared(object);
    CHECK(bench.differences(frame, reading, {.counter = kVlanSession, .vlans = row.vlans}) == "");
    CHECK(bench.differences(frame, reading, {.counter = kVlanSession, .second_bucket = true, .vlans = row.vlans}) ==
          "");
    CHECK(bench.differences(frame, reading, {.vlans = row.vlans}) == "");
  });
}

TEST_CASE("a packet of another VLAN is not of the session") {
  for_each([](const ObjectName& object, const Tagged& row, const Bytes& frame, const Reading& reading) {
    Bench& bench = Bench::shared(object);
    bench.set_control(control_for({.vlans = row.vlans}, bench.keys()));
    SessionKey key = normalise(reading.source, reading.destination, reading.protocol).key;
    for (const Tagged& other : tagged()) {
      if (other.vlans == row.vlans) continue;
      key.vlans = other.vlans;
      bench.install(key, {.counter = kVlanSession});
    }
    bench.run(frame);
    CHECK(bench.maps().read_counters(kVlanSession, 1).packets[0] +
              bench.maps().read_counters(kVlanSession, 1).packets[1] ==
          0);
  });
}

TEST_CASE("tags are passed over where the host does not ask for VLANs") {
  for_each([](const ObjectName& object, const Tagged&, const Bytes& frame, const Reading& reading) {
    CHECK(Bench::shared(object).differences(frame, reading, {.counter = kVlanSession}) == "");
  });
}

}  // namespace nicsentry::testing
