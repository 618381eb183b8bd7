// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nicsentry::polycube {

// Where a monitor stands on the TC hooks of its interface: programs with lower numbers see a packet first.
struct Places {
  std::uint32_t ingress = 0;
  std::uint32_t egress = 0;

  bool operator==(const Places&) const = default;
};

// The most cubes of one interface: as many have numbers of their own on either side of a firewall.
constexpr std::size_t kCubesMax = 64;

struct ChainMember {
  bool firewall = false;      // its filters have a number of their own, and no places here
  std::optional<Places> now;  // nothing: it gets its places now
};

// The places of the cubes of one interface, kCubesMax at most, in the order of their chain. What comes in passes the
// chain from its first cube to its last, what goes out from its last to its first. Members keep the places that they
// have, unless the order or the number of cubes does not allow it. A firewall's element is not to be used.
std::vector<Places> places_in_chain(std::span<const ChainMember> chain);

}  // namespace nicsentry::polycube
