// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/rules/sets/set_maps.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

namespace nicsentry {
namespace {

using Halves = std::array<std::uint64_t, 2>;

Halves halves_of(const address_bucket& bucket, std::uint32_t place) {
  return {bucket.address[place].high, bucket.address[place].low};
}

std::uint64_t big_endian(const IpAddress& address, std::size_t from, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = from; i < from + count; ++i) {
    value = value << 8 | address.bytes[i];
  }
  return value;
}

Halves halves_of(const IpAddress& address) {
  if (address.version == 4) return {0xffffffffffffffff, big_endian(address, 0, 4)};
  return {big_endian(address, 0, 8), big_endian(address, 8, 8)};
}

bool says_ipv4(const Halves& halves) { return halves[0] == 0xffffffffffffffff && halves[1] <= 0xffffffff; }

// An independent implementation of the data path's hash.
std::uint32_t mixed(std::uint64_t h) {
  std::uint32_t x = static_cast<std::uint32_t>(h ^ (h >> 32));
  std::uint32_t y = x ^ (x << 13);
  y = y ^ (y >> 17);
  y = y ^ (y << 5);
  x = x + y;
  return x ^ (x >> 15);
}

std::array<std::uint32_t, 2> candidates(const IpAddress& address, const fw_config& control) {
  const auto [high, low] = halves_of(address);
  const auto lo32 = [](std::uint64_t half) { return static_cast<std::uint32_t>(half); };
  const auto hi32 = [](std::uint64_t half) { return static_cast<std::uint32_t>(half >> 32); };
  const std::uint32_t* k = control.keys;
  const auto product = [](std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} * b; };
  const std::uint32_t h =
      mixed(product(k[0] + lo32(low), k[1] + hi32(low)) + product(k[2] + lo32(high), k[3] + hi32(high)));
  const std::uint32_t rotated = h << 16 | h >> 16;
  return {hi32(product(h, control.buckets)), hi32(product(rotated, control.buckets))};
}

}  // namespace

SetMaps::SetMaps(const AddressSets::Room& room)
    : buckets(room.buckets), nodes(room.first_node + room.nodes), room_(room), rows_(SET_CLASSES) {}

std::uint32_t SetMaps::find(const IpAddress& address) const {
  SlowReader reader(address);
  while (!reader.done()) reader.advance(*this);
  return reader.word();
}

SetMask SetMaps::mask_of(std::uint32_t word) const {
  const SetMask mask = rows_.at(word & SET_CLASS_MASK);
  if ((word & ~(SET_CLASS_MASK | SET_BLOCKED)) != 0 ||
      ((word & SET_BLOCKED) != 0) != ((mask & 1) != 0 && (mask & 2) == 0)) {
    FAIL("word " << word << " does not say of mask " << mask << " whether it blocks");
  }
  return mask;
}

void SetMaps::perform(const SetUpdate& update, const std::vector<SetMask>& classes) {
  std::mt19937 random;
  perform(
      update, classes, random, [] {}, [] {});
}

void SetMaps::perform(const SetUpdate& update, const std::vector<SetMask>& classes, std::mt19937& random,
                      const std::function<void()>& between, const std::function<void()>& settled) {
  for (const std::uint32_t number : update.new_classes) {
    rows_.at(number) = classes.at(number);
  }
  for (const SetUpdate::Step& step : update.steps) {
    cleared_in_step_.clear();
    const auto in_force = nodes_in_force();
    between();
    for (const auto& node : step.nodes) {
      if (node.index < room_.first_node || node.index >= nodes.size()) FAIL("node " << node.index << " is not of sets");
      if (in_force.contains(node.index)) FAIL("node " << node.index << " is in force");
      nodes[node.index] = node.value;
    }
    between();
    for (const auto& bucket : step.buckets) {
      // Without buckets in force, no program reads there.
      if (control.buckets != 0) check_places(bucket);
      perform_bucket(bucket, random, between);
    }
    if (step.control) {
      REQUIRE(step.control->config == 0);
      std::copy(std::begin(step.control->keys), std::end(step.control->keys), control.keys);
      const bool roots_first = random() % 2 == 0;
      for (const bool roots : {roots_first, !roots_first}) {
        if (!roots) {
          control.buckets = step.control->buckets;
        }
        for (std::size_t family = 0; roots && family < 2; ++family) {
          control.set_roots[family] = step.control->set_roots[family];
          between();
        }
        between();
      }
    }
    settled();
  }
}

void SetMaps::perform_bucket(const SetUpdate::BucketUpdate& update, std::mt19937& random,
                             const std::function<void()>& between) {
  constexpr std::size_t kWords = sizeof(address_bucket) / sizeof(std::uint64_t);
  std::array<std::size_t, kWords> order{};
  for (std::size_t i = 0; i < kWords; ++i) {
    order[i] = i;
  }
  std::shuffle(order.begin(), order.end(), random);
  for (const std::size_t i : order) {
    const std::size_t offset = i * sizeof(std::uint64_t);
    auto* to = reinterpret_cast<unsigned char*>(&buckets[update.index]) + offset;
    const auto* from = reinterpret_cast<const unsigned char*>(&update.value) + offset;
    if (std::memcmp(to, from, sizeof(std::uint64_t)) == 0) continue;
    std::memcpy(to, from, sizeof(std::uint64_t));
    between();
  }
}

void SetMaps::check_places(const SetUpdate::BucketUpdate& update) {
  if (update.index >= buckets.size()) FAIL("bucket " << update.index << " is beyond the table");
  const address_bucket& old = buckets[update.index];
  for (std::uint32_t i = 0; i < ADDRESSES_PER_BUCKET; ++i) {
    const std::uint32_t before = old.sets[i];
    const std::uint32_t after = update.value.sets[i];
    const bool other_address = halves_of(old, i) != halves_of(update.value, i);
    const bool one_word = before == after && says_ipv4(halves_of(old, i)) && says_ipv4(halves_of(update.value, i));
    if (other_address && (before != 0 || after != 0) && !one_word) FAIL("an address changes while it is valid");
    if (before != 0 && after == 0) {
      cleared_in_step_.insert({update.index, i});
    }
    if (other_address && cleared_in_step_.contains({update.index, i})) FAIL("a place does not rest");
  }
}

std::set<std::uint32_t> SetMaps::nodes_in_force() const {
  std::set<std::uint32_t> found;
  std::vector<std::uint32_t> ways(std::begin(control.set_roots), std::end(control.set_roots));
  while (!ways.empty()) {
    const std::uint32_t way = ways.back();
    ways.pop_back();
    if ((way & INTERVAL_LEAF) != 0 || !found.insert(way & INTERVAL_VALUE).second) continue;
    const interval_node& node = nodes.at(way & INTERVAL_VALUE);
    std::uint32_t next = 0;
    for (const std::uint32_t difference : node.next) {
      next ^= difference;
      ways.push_back(next);
    }
  }
  return found;
}

void SlowReader::next_place() { stage_ = ++place_ == 2 * ADDRESSES_PER_BUCKET ? Stage::root : Stage::sets; }

void SlowReader::advance(const SetMaps& maps) {
  const std::uint32_t bucket = candidates_[place_ / ADDRESSES_PER_BUCKET % 2];
  const std::uint32_t i = place_ % ADDRESSES_PER_BUCKET;
  switch (stage_) {
    case Stage::control:
      stage_ = maps.control.buckets != 0 ? Stage::sets : Stage::root;
      candidates_ = maps.control.buckets != 0 ? candidates(address, maps.control) : candidates_;
      return;
    case Stage::sets:
      word_ = maps.buckets.at(bucket).sets[i];
      if (word_ != 0) {
        stage_ = Stage::first_half;
      } else {
        next_place();
      }
      return;
    case Stage::first_half:
    case Stage::second_half: {
      const std::size_t half = stage_ == Stage::first_half ? 0 : 1;
      if (halves_of(maps.buckets.at(bucket), i)[half] != halves_of(address)[half]) {
        next_place();
      } else {
        stage_ = half == 0 ? Stage::second_half : Stage::done;
      }
      return;
    }
    case Stage::root:
      way_ = maps.control.set_roots[address.version == 6 ? 1 : 0];
      stage_ = Stage::node;
      return;
    case Stage::node: {
      if ((way_ & INTERVAL_LEAF) != 0) {
        word_ = way_ & INTERVAL_VALUE;
        stage_ = Stage::done;
        return;
      }
      lower_ = lower_ || (way_ & INTERVAL_LOW) != 0;
      const bool ipv6 = address.version == 6;
      const std::uint64_t high = ipv6 ? big_endian(address, 0, 8) : ~std::uint64_t{0};
      const std::uint64_t low = ipv6 ? big_endian(address, 8, 8) : big_endian(address, 0, 4);
      const std::uint64_t key = lower_ ? low : high;
      const interval_node& node = maps.nodes.at(way_ & INTERVAL_VALUE);
      std::uint32_t way = node.next[0];
      for (unsigned n = 0; n < NODE_KEYS; ++n) {
        way ^= key >= node.key[n] ? node.next[n + 1] : 0;
      }
      way_ = way;
      return;
    }
    case Stage::done:
      return;
  }
}

}  // namespace nicsentry
