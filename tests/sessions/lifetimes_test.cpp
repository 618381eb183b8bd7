// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/lifetimes.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/tcp_flags.h"

namespace nicsentry::lifetimes_test {
namespace {

using namespace std::chrono_literals;
using testing::kAck;
using testing::kFin;
using testing::kRst;
using testing::kSyn;

constexpr Direction a = Direction::from_lower;
constexpr Direction b = Direction::from_higher;

// Neither end sends data: the numbers are the SYN's, and the one behind it.
ConnectionPacket tcp(Direction from, unsigned flags) {
  const std::uint32_t number = (flags & kSyn) != 0 ? 0 : 1;
  return {Protocol::tcp, from, static_cast<std::uint8_t>(flags), 0, false, number, 1, 0, {}};
}
ConnectionPacket udp(Direction from) { return {Protocol::udp, from, 0, 0, false, 0, 0, 0, {}}; }
ConnectionPacket icmp(Direction from, std::uint8_t type) { return {Protocol::icmp, from, 0, type, false, 0, 0, 0, {}}; }

constexpr std::uint32_t kOne = STATE_ESTABLISHED << SLOT_STATE_SHIFT;
constexpr std::uint32_t kBoth = kOne | STATE_ESTABLISHED << (SLOT_STATE_SHIFT + SLOT_STATE_BITS);

}  // namespace

TEST_CASE("a connection lives as long without a packet as nf_conntrack lets it, by its state") {
  struct Row {
    std::string sentence;
    std::vector<ConnectionPacket> packets;
    std::chrono::nanoseconds lifetime;
  };
  const Row rows[] = {
      {"nothing that makes a connection", {icmp(a, 3)}, 0s},
      {"a SYN", {tcp(a, kSyn)}, 120s},
      {"a SYN+ACK", {tcp(a, kSyn), tcp(b, kSyn | kAck)}, 60s},
      {"a SYN+ACK, sent again", {tcp(a, kSyn), tcp(b, kSyn | kAck), tcp(a, kSyn), tcp(b, kSyn | kAck)}, 60s},
      {"a handshake", {tcp(a, kSyn), tcp(b, kSyn | kAck), tcp(a, kAck)}, 120h},
      {"a handshake of which the SYN+ACK's event was lost", {tcp(a, kSyn), tcp(b, kAck)}, 120h},
      {"a handshake of which the last ACK's event was lost", {tcp(a, kSyn), tcp(b, kSyn | kAck), tcp(b, kAck)}, 120h},
      {"a FIN", {tcp(a, kSyn), tcp(b, kSyn | kAck), tcp(a, kAck), tcp(a, kFin | kAck)}, 120s},
      {"two FINs", {tcp(a, kSyn), tcp(b, kSyn | kAck), tcp(a, kAck), tcp(a, kFin | kAck), tcp(b, kFin | kAck)}, 120s},
      {"a RST", {tcp(a, kSyn), tcp(b, kSyn | kAck), tcp(a, kAck), tcp(a, kRst)}, 10s},
      {"a refusal", {tcp(a, kSyn), tcp(b, kRst | kAck)}, 10s},
      {"picked up, without an answer", {tcp(a, kAck)}, 120s},
      {"picked up and answered", {tcp(a, kAck), tcp(b, kAck)}, 120h},
      {"UDP without an answer", {udp(a), udp(a)}, 30s},
      {"UDP, answered", {udp(a), udp(b)}, 120s},
      {"a ping", {icmp(a, 8)}, 30s},
      {"a ping, answered", {icmp(a, 8), icmp(b, 0)}, 30s},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sentence);
    Connection connection;
    for (const ConnectionPacket& packet : row.packets) {
      connection.note(packet);
    }
    CHECK(lifetime_of(connection, row.packets[0].protocol, {}) == row.lifetime);
  }
}

TEST_CASE("the lifetime of a connection of which only its slot's states are known") {
  CHECK(lifetime_of(kBoth, Protocol::tcp, {}) == 120h);
  CHECK(lifetime_of(kOne, Protocol::tcp, {}) == 120s);
  CHECK(lifetime_of(kBoth, Protocol::udp, {}) == 120s);
  CHECK(lifetime_of(kOne, Protocol::udp, {}) == 30s);
  CHECK(lifetime_of(kOne, Protocol::icmpv6, {}) == 30s);
}

TEST_CASE("each lifetime has a name of its own, and is the one that holds") {
  std::set<std::string_view> names;
  Lifetimes lifetimes;
  std::chrono::nanoseconds value = 1s;
  for (const NamedLifetime& named : named_lifetimes()) {
    names.insert(named.name);
    lifetimes.*named.member = value++;
  }
  CHECK(names.size() == sizeof(Lifetimes) / sizeof(std::chrono::nanoseconds));
  CHECK(lifetime_of(kBoth, Protocol::udp, lifetimes) == lifetimes.udp_stream);
  CHECK(lifetime_of(kOne, Protocol::udp, lifetimes) == lifetimes.udp);
}

}  // namespace nicsentry::lifetimes_test
