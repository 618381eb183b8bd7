// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/places.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace nicsentry::polycube;

namespace {

constexpr std::uint32_t kFirewallNumber = 100;

// The numbers of a whole chain, the firewall's own included.
std::vector<std::uint32_t> numbers(const std::vector<ChainMember>& chain, std::uint32_t Places::*hook) {
  const std::vector<Places> places = places_in_chain(chain);
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    numbers.push_back(chain[i].firewall ? kFirewallNumber : places[i].*hook);
  }
  return numbers;
}

// Incoming packets pass the chain forwards, outgoing ones backwards; no two members have one number.
void check_order(const std::vector<ChainMember>& chain) {
  const auto ingress = numbers(chain, &Places::ingress);
  auto egress = numbers(chain, &Places::egress);
  std::reverse(egress.begin(), egress.end());
  for (const auto& hook : {ingress, egress}) {
    CHECK(std::is_sorted(hook.begin(), hook.end()));
    CHECK(std::adjacent_find(hook.begin(), hook.end()) == hook.end());
    CHECK(std::all_of(hook.begin(), hook.end(), [](std::uint32_t number) { return number >= 1 && number < 65536; }));
  }
}

// Puts a cube into the chain and gives all their places. Returns how many had to move.
std::size_t insert(std::vector<ChainMember>& chain, std::size_t at, bool firewall) {
  chain.insert(chain.begin() + static_cast<std::ptrdiff_t>(at), ChainMember{firewall, std::nullopt});
  check_order(chain);
  const std::vector<Places> places = places_in_chain(chain);
  std::size_t moved = 0;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    moved += chain[i].now && !chain[i].firewall && *chain[i].now != places[i] ? 1 : 0;
    chain[i].now = places[i];
  }
  return moved;
}

}  // namespace

TEST_CASE("a firewall that comes first finds the monitors behind it, whenever they came", "[polycube]") {
  std::vector<ChainMember> chain;
  CHECK(insert(chain, 0, false) == 0);
  CHECK(insert(chain, 1, false) == 0);
  CHECK(insert(chain, 0, true) == 0);  // no monitor has to move
  CHECK(insert(chain, 3, false) == 0);
}

TEST_CASE("a monitor before the firewall sees incoming packets first and outgoing ones last", "[polycube]") {
  std::vector<ChainMember> chain;
  insert(chain, 0, true);
  CHECK(insert(chain, 0, false) == 0);
  CHECK(chain[0].now->ingress < kFirewallNumber);
  CHECK(chain[0].now->egress > kFirewallNumber);
}

TEST_CASE("monitors move to the other side of a firewall that is put behind them", "[polycube]") {
  std::vector<ChainMember> chain;
  insert(chain, 0, false);
  insert(chain, 1, false);
  CHECK(insert(chain, 1, true) == 1);
}

TEST_CASE("appended cubes leave the others where they are, nine of them", "[polycube]") {
  std::vector<ChainMember> chain;
  insert(chain, 0, true);
  for (std::size_t i = 1; i < 10; ++i) {
    CHECK(insert(chain, i, false) == 0);
  }
}

TEST_CASE("as many cubes as an interface can have stand on either side of a firewall", "[polycube]") {
  for (const bool before : {true, false}) {
    std::vector<ChainMember> chain;
    insert(chain, 0, true);
    for (std::size_t i = 1; i < kCubesMax; ++i) {
      insert(chain, before ? 0 : i, false);
    }
    CHECK(chain.size() == kCubesMax);
  }
}

TEST_CASE("places keep their order however cubes come and go", "[polycube]") {
  std::mt19937 random(18);
  for (int i = 0; i < 50; ++i) {
    std::vector<ChainMember> chain;
    bool firewall = false;
    for (int step = 0; step < 40; ++step) {
      if (!chain.empty() && random() % 3 == 0) {
        const auto gone = chain.begin() + static_cast<std::ptrdiff_t>(random() % chain.size());
        firewall = firewall && !gone->firewall;
        chain.erase(gone);
        continue;
      }
      const bool adds_firewall = !firewall && random() % 5 == 0;
      firewall = firewall || adds_firewall;
      insert(chain, random() % (chain.size() + 1), adds_firewall);
    }
  }
}
