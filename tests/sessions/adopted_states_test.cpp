// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/adopted_states.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace nicsentry::adopted_states_test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kAnswered = STATE_ESTABLISHED << 1U | STATE_ESTABLISHED << 3U;
constexpr std::uint32_t kAwaited = STATE_ESTABLISHED << 3U;

SessionKey session(std::uint8_t number, Protocol protocol = Protocol::tcp) {
  IpAddress lower;
  lower.bytes = {10, 0, 0, 1};
  IpAddress higher;
  higher.bytes = {10, 0, 0, number};
  return normalise({lower, 40000}, {higher, 443}, protocol).key;
}

session_slot slot_of(const SessionKey& key, std::uint32_t state, const FingerprintKeys& keys = fixed_keys()) {
  session_slot slot{};
  const auto words = fingerprint(key, keys).words();
  std::copy(words.begin(), words.end(), slot.fingerprint);
  slot.counter = 7;
  slot.state = state;
  slot.muted_epoch = 3;
  return slot;
}

AdoptedStates with(std::initializer_list<session_slot> slots) {
  AdoptedStates states(fixed_keys());
  for (const session_slot& slot : slots) {
    states.add(slot);
  }
  return states;
}

}  // namespace

TEST_CASE("states are found by a session's addresses and ports, under the former controller's keys") {
  const AdoptedStates states =
      with({slot_of(session(2), SLOT_VALID | kAnswered), slot_of(session(3), SLOT_VALID | kAwaited),
            slot_of(session(4), SLOT_VALID | kAnswered, following_keys(fixed_keys()))});
  CHECK(states.find(session(2)) == kAnswered);
  CHECK(states.find(session(3)) == kAwaited);
  CHECK(states.find(session(4)) == 0);
  CHECK(states.find(session(2, Protocol::udp)) == 0);
  CHECK(AdoptedStates().find(session(2)) == 0);
}

TEST_CASE("a session with VLANs has the states of a former controller that did not look at them") {
  SessionKey tagged = session(2);
  tagged.vlans = {10, 20};
  const auto adopted = [](const SessionKey& key, bool with_vlans) {
    AdoptedStates states(fixed_keys(), with_vlans);
    states.add(slot_of(key, SLOT_VALID | kAnswered));
    return states;
  };
  AdoptedStates without = adopted(session(2), false);
  CHECK(without.find(tagged) == kAnswered);
  CHECK(without.find(session(2)) == kAnswered);
  without.forget(tagged);
  CHECK(without.find(session(2)) == 0);
  CHECK(adopted(tagged, true).find(tagged) == kAnswered);
  CHECK(adopted(tagged, true).find(session(2)) == 0);
}

TEST_CASE("slots that are not valid or NEW in both directions are not kept") {
  const AdoptedStates states =
      with({{}, slot_of(session(2), kAnswered), slot_of(session(3), SLOT_VALID), slot_of(session(4), 0)});
  CHECK(states.size() == 0);
}

TEST_CASE("an entry in two slots, since it was being moved, counts once") {
  AdoptedStates states =
      with({slot_of(session(2), SLOT_VALID | kAnswered), slot_of(session(2), SLOT_VALID | kAnswered)});
  CHECK(states.size() == 1);
  states.forget(session(2));
  CHECK(states.find(session(2)) == 0);
}

TEST_CASE("adopted states live as long as their protocol and state say, from the first moment on") {
  constexpr TimestampNs kSecond = 1'000'000'000;
  constexpr TimestampNs kBegin = 5 * kSecond;
  const SessionKey udp = session(2, Protocol::udp);
  const SessionKey asked = session(3, Protocol::udp);
  AdoptedStates states = with({slot_of(session(2), SLOT_VALID | kAnswered), slot_of(session(3), SLOT_VALID | kAwaited),
                               slot_of(udp, SLOT_VALID | kAnswered), slot_of(asked, SLOT_VALID | kAwaited)});
  states.set_time(kBegin, {});
  states.set_time(kBegin + 30 * kSecond - 1, {});
  CHECK(states.find(asked) == kAwaited);
  states.set_time(kBegin + 30 * kSecond, {});
  CHECK(states.find(asked) == 0);
  CHECK(states.find(udp) == kAnswered);
  states.set_time(kBegin + 120 * kSecond - 1, {});
  CHECK(states.find(udp) == kAnswered);
  CHECK(states.find(session(3)) == kAwaited);
  states.set_time(kBegin + 120 * kSecond, {});
  CHECK(states.find(udp) == 0);
  CHECK(states.find(session(3)) == 0);
  CHECK(states.find(session(2)) == kAnswered);
  constexpr TimestampNs kEstablished = 5 * 24 * 3600 * kSecond;
  states.set_time(kBegin + kEstablished - 1, {});
  CHECK(states.find(session(2)) == kAnswered);
  states.set_time(kBegin + kEstablished, {});
  CHECK(states.size() == 0);
}

TEST_CASE("adopted states have the lifetimes that the run was given") {
  Lifetimes lifetimes;
  lifetimes.udp_stream = std::chrono::seconds(3);
  AdoptedStates states = with({slot_of(session(2, Protocol::udp), SLOT_VALID | kAnswered)});
  states.set_time(0, lifetimes);
  states.set_time(2'999'999'999, lifetimes);
  CHECK(states.find(session(2, Protocol::udp)) == kAnswered);
  states.set_time(3'000'000'000, lifetimes);
  CHECK(states.find(session(2, Protocol::udp)) == 0);
}

}  // namespace nicsentry::adopted_states_test
