// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/address_sets.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/address_text.h"
#include "host/rules/sets/address_hash.h"
#include "tests/rules/sets/set_maps.h"
#include "tests/support/tries.h"

namespace nicsentry::firewall_address_sets_test {
namespace {

constexpr std::array<std::uint32_t, FIREWALL_KEYS> kKeys{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
constexpr std::array<std::uint32_t, FIREWALL_KEYS> kOtherKeys{0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89};

IpAddress ipv4(std::uint32_t number) {
  IpAddress address;
  for (std::size_t i = 0; i < 4; ++i) {
    address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  }
  return address;
}

IpAddress ipv6(std::uint64_t high, std::uint64_t low) {
  IpAddress address;
  address.version = 6;
  for (std::size_t i = 0; i < 8; ++i) {
    address.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    address.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  return address;
}

SetEntry entry(const IpAddress& first, const IpAddress& last, std::optional<TimestampNs> ends = std::nullopt) {
  return {{first, last}, ends};
}

SetEntry single(const IpAddress& address) { return entry(address, address); }

// A naive model: sets as lists of entries, searched one by one.
class Model {
 public:
  using Entries = std::vector<SetEntry>;

  std::map<std::string, Entries> sets;

  bool contains(const std::string& name, const IpAddress& address) const {
    const Entries& entries = sets.at(name);
    return std::any_of(entries.begin(), entries.end(), [&](const SetEntry& e) {
      return e.range.first.version == address.version && e.range.first.bytes <= address.bytes &&
             address.bytes <= e.range.last.bytes;
    });
  }
  void add(const std::string& name, const Entries& entries) {
    for (const SetEntry& e : entries) {
      take(name, {e.range});
      sets[name].push_back(e);
    }
  }
  void take(const std::string& name, const std::vector<AddressRange>& ranges) {
    std::erase_if(sets[name],
                  [&](const SetEntry& e) { return std::find(ranges.begin(), ranges.end(), e.range) != ranges.end(); });
  }
  void expire(TimestampNs now) {
    for (auto& [name, entries] : sets) {
      std::erase_if(entries, [&](const SetEntry& e) { return e.expires_ns && *e.expires_ns <= now; });
    }
  }
  std::optional<TimestampNs> next_end() const {
    std::optional<TimestampNs> next;
    for (const auto& [name, entries] : sets) {
      for (const SetEntry& e : entries) {
        if (e.expires_ns && (!next || *e.expires_ns < *next)) {
          next = e.expires_ns;
        }
      }
    }
    return next;
  }
  Entries sorted(const std::string& name) const {
    Entries entries = sets.at(name);
    std::sort(entries.begin(), entries.end(), [](const SetEntry& a, const SetEntry& b) {
      const auto rank = [](const SetEntry& e) {
        return std::tuple(e.range.first.version, e.range.first.bytes, e.range.last.bytes);
      };
      return rank(a) < rank(b);
    });
    return entries;
  }
};

// Sets, their model, and the maps on which updates are performed while programs read at any moment.
class Bench {
 public:
  explicit Bench(const AddressSets::Room& room, unsigned seed = 1)
      : sets(room, kKeys), maps(room), random_(seed), room_(room) {
    model.sets[kBlockedSet];
    model.sets[kAllowedSet];
    maps.perform(sets.whole(), sets.classes());
  }

  void create(const std::string& name) {
    sets.create(name);
    model.sets[name];
  }
  void add(const std::string& name, const Model::Entries& entries) {
    const std::size_t before = model.sets.at(name).size();
    std::size_t done = 0;
    const SetUpdate update = sets.add(name, entries, &done);
    Model after = model;
    after.add(name, entries);
    REQUIRE(done == after.sets.at(name).size() - before);
    perform(update, std::move(after));
  }
  void take(const std::string& name, const std::vector<AddressRange>& ranges) {
    const std::size_t before = model.sets.at(name).size();
    std::size_t done = 0;
    const SetUpdate update = sets.remove_entries(name, ranges, &done);
    Model after = model;
    after.take(name, ranges);
    REQUIRE(done == before - after.sets.at(name).size());
    perform(update, std::move(after));
  }
  void replace(const std::string& name, const Model::Entries& entries) {
    const SetUpdate update = sets.replace(name, entries);
    Model after = model;
    after.sets[name].clear();
    after.add(name, entries);
    perform(update, std::move(after));
  }
  void remove(const std::string& name) {
    bits_before_ = bits();
    const SetUpdate update = sets.remove(name);
    Model after = model;
    after.sets[name].clear();
    perform(update, std::move(after));
    model.sets.erase(name);
    bits_before_.reset();
  }
  void expire(TimestampNs now) {
    const SetUpdate update = sets.expire(now);
    Model after = model;
    after.expire(now);
    perform(update, std::move(after));
  }
  // Stops an update at some write, as if the controller had died. Its successor knows only what it has from the maps
  // and the class names.
  void add_in_part(const std::string& name, const Model::Entries& entries) {
    SetUpdate update = sets.add(name, entries);
    Model after = model;
    after.add(name, entries);
    update.steps.resize(update.steps.empty() ? 0 : 1 + random_() % update.steps.size());
    if (!update.steps.empty()) {
      auto& [nodes, buckets, control] = update.steps.back();
      control.reset();
      buckets.resize(random_() % (buckets.size() + 1));
    }
    Model before = model;
    perform(update, std::move(after));
    half_done_ = std::exchange(model, std::move(before));
  }
  // Another AddressSets with the content `after` adopts the maps.
  void adopt(Model after) {
    AddressSets next(room_, kOtherKeys);
    for (auto name = after.sets.rbegin(); name != after.sets.rend(); ++name) {
      if (!AddressSets::built_in(name->first)) {
        next.create(name->first);
      }
      next.add(name->first, name->second);
    }
    const auto nodes = maps.nodes_in_force();
    SetUpdate update = next.adopt({maps.control, maps.buckets, {nodes.begin(), nodes.end()}}, sets.class_names());
    sets = std::move(next);
    update.new_classes.clear();
    for (std::uint32_t number = 0; number < sets.classes().size(); ++number) {
      update.new_classes.push_back(number);  // rules are compiled again
    }
    perform(update, std::move(after));
    half_done_.reset();
  }

  // Compares all results of the sets, and all lookups in the maps, with the model.
  void check() const {
    for (const auto& [name, entries] : model.sets) {
      REQUIRE(sets.size(name) == entries.size());
      REQUIRE(sets.entries(name) == model.sorted(name));
    }
    REQUIRE(sets.next_end() == model.next_end());
    for (const IpAddress& address : probes) {
      const SetMask expected = mask(model, address, bits());
      if (maps.mask_of(maps.find(address)) != expected) {
        FAIL(address.text() << " is found in " << maps.mask_of(maps.find(address)) << ", not in " << expected);
      }
      for (const auto& [name, entries] : model.sets) {
        if (sets.contains(name, address) != model.contains(name, address)) {
          FAIL(address.text() << " and " << name);
        }
      }
    }
  }

  AddressSets sets;
  Model model;
  SetMaps maps;
  std::vector<IpAddress> probes;
  std::size_t longest = 0;  // steps of the longest update
  bool read_between_all = true;

 private:
  using Bits = std::map<std::string, unsigned>;

  Bits bits() const {
    Bits found;
    for (const std::string& name : sets.names()) {
      found[name] = *sets.bit(name);
    }
    return found;
  }
  static SetMask mask(const Model& model, const IpAddress& address, const Bits& bits) {
    SetMask found = 0;
    for (const auto& [name, entries] : model.sets) {
      if (!entries.empty() && model.contains(name, address)) {
        found |= SetMask{1} << bits.at(name);
      }
    }
    return found;
  }

  void perform(const SetUpdate& update, Model after) {
    longest = std::max(longest, update.steps.size());
    const Bits names = bits_before_ ? *bits_before_ : bits();
    std::vector<SetMask> always;
    std::vector<SetMask> ever;
    for (const IpAddress& address : probes) {
      const SetMask a = mask(model, address, names);
      const SetMask b = mask(after, address, names);
      const SetMask c = half_done_ ? mask(*half_done_, address, names) : a;
      always.push_back(a & b & c);
      ever.push_back(a | b | c);
    }
    const auto check_word = [&](std::size_t i, std::uint32_t word) {
      const SetMask found = maps.mask_of(word);
      if ((always[i] & ~found) != 0 || (found & ~ever[i]) != 0) {
        FAIL(probes[i].text() << " was found in " << found << ", must be in " << always[i] << " and may be in "
                              << ever[i]);
      }
    };
    std::vector<std::pair<std::size_t, SlowReader>> readers;
    const auto finish = [&] {
      for (auto& [i, reader] : readers) {
        while (!reader.done()) reader.advance(maps);
        check_word(i, reader.word());
      }
      readers.clear();
    };
    const auto between = [&] {
      for (std::size_t i = 0; read_between_all && i < probes.size(); ++i) {
        check_word(i, maps.find(probes[i]));
      }
      while (!probes.empty() && readers.size() < kReaders) {
        const std::size_t i = random_() % probes.size();
        readers.emplace_back(i, SlowReader(probes[i]));
      }
      for (auto& [i, reader] : readers) {
        for (unsigned reads = random_() % 4; reads > 0; --reads) reader.advance(maps);
      }
      std::erase_if(readers, [&](const auto& running) {
        if (!running.second.done()) return false;
        check_word(running.first, running.second.word());
        return true;
      });
    };
    maps.perform(update, sets.classes(), random_, between, finish);
    model = std::move(after);
  }

  static constexpr std::size_t kReaders = 30;
  std::mt19937 random_;
  AddressSets::Room room_;
  std::optional<Bits> bits_before_;
  std::optional<Model> half_done_;
};

constexpr AddressSets::Room kSmall{64, 4096, 1000};

// Returns addresses close together, at the ends of both families, and across higher halves of IPv6.
std::vector<IpAddress> universe() {
  std::vector<IpAddress> addresses;
  for (std::uint32_t i = 0; i < 60; ++i) {
    addresses.push_back(ipv4(0x0a000000 + i));
    addresses.push_back(ipv6(0x20010db800000000, i));
  }
  for (std::uint32_t i = 0; i < 8; ++i) {
    addresses.push_back(ipv4(i));
    addresses.push_back(ipv4(0xffffffff - i));
    addresses.push_back(ipv6(0, i));
    addresses.push_back(ipv6(~std::uint64_t{0}, ~std::uint64_t{i}));
    addresses.push_back(ipv6(0x20010db800000000, ~std::uint64_t{i}));
    addresses.push_back(ipv6(0x20010db800000001, i));
    addresses.push_back(ipv6(0x20010db800000003 + i, 5));
  }
  // An IPv6 address with the words of an IPv4 address.
  addresses.push_back(ipv6(0x0a00000100000000, 0));
  return addresses;
}

SetEntry random_entry(const std::vector<IpAddress>& addresses, std::mt19937& random) {
  IpAddress first = addresses[random() % addresses.size()];
  IpAddress last = first;
  if (random() % 3 == 0) {
    do {
      last = addresses[random() % addresses.size()];
    } while (last.version != first.version);
    if (last.bytes < first.bytes) std::swap(first, last);
  }
  SetEntry made = entry(first, last);
  if (random() % 4 == 0) {
    made.expires_ns = static_cast<TimestampNs>(1 + random() % 1000);
  }
  return made;
}

}  // namespace

TEST_CASE("random changes of sets of both families agree with a naive model at every moment") {
  const unsigned seed = GENERATE(1U, 2U, 3U, 4U);
  std::mt19937 random(seed);
  Bench bench(kSmall, seed);
  bench.probes = universe();
  bench.create("a");
  bench.create("b");
  TimestampNs now = 0;
  for (unsigned round = 0; round < 250; ++round) {
    const std::vector<std::string> names = bench.sets.names();
    const std::string& name = names[random() % names.size()];
    Model::Entries entries;
    for (std::size_t n = 1 + random() % 12; n > 0; --n) {
      entries.push_back(random_entry(bench.probes, random));
    }
    switch (random() % 10) {
      case 0:
        bench.replace(name, entries);
        break;
      case 1:
        now += static_cast<TimestampNs>(random() % 60);
        bench.expire(now);
        break;
      case 2:
        if (!AddressSets::built_in(name)) {
          bench.remove(name);
          bench.create("again" + std::to_string(round));
        }
        break;
      case 3:
      case 4:
      case 5: {
        std::vector<AddressRange> ranges{entries.front().range};
        for (const SetEntry& e : bench.sets.entries(name)) {
          if (random() % 3 == 0) {
            ranges.push_back(e.range);
          }
        }
        bench.take(name, ranges);
        break;
      }
      default:
        bench.add(name, entries);
    }
    bench.check();
  }
}

TEST_CASE("a table of single addresses fills to 85 % of its places, and members that move are always found") {
  constexpr AddressSets::Room kRoom{512, 64, 0};
  Bench bench(kRoom);
  bench.read_between_all = false;
  std::mt19937 random(5);
  const std::size_t limit = std::size_t{kRoom.buckets} * ADDRESSES_PER_BUCKET * 17 / 20;
  Model::Entries all;
  std::set<std::uint32_t> used;
  while (all.size() < limit) {
    Model::Entries some;
    for (std::size_t n = std::min<std::size_t>(50, limit - all.size()); n > 0; --n) {
      // Half of the addresses are consecutive.
      const std::size_t chosen = random() % 2 == 0 ? 0x0a000000 + used.size() : random();
      const auto number = static_cast<std::uint32_t>(chosen);
      const bool six = random() % 3 == 0;
      if (!used.insert(number).second) {
        ++n;
        continue;
      }
      some.push_back(single(six ? ipv6(0x20010db8, number) : ipv4(number)));
      bench.probes.push_back(some.back().range.first);
    }
    bench.add(kBlockedSet, some);
    all.insert(all.end(), some.begin(), some.end());
  }
  bench.check();
  REQUIRE(bench.longest > 1);
  REQUIRE(bench.sets.size(kBlockedSet) == limit);

  SECTION("one more address is refused with the values, and nothing changes") {
    const SetUpdate before = bench.sets.whole();
    REQUIRE_THROWS_WITH(bench.sets.add(kBlockedSet, std::vector{single(ipv4(1)), single(ipv4(2))}),
                        Catch::Contains(std::to_string(limit + 2)) && Catch::Contains(std::to_string(limit)));
    bench.check();
    REQUIRE_FALSE(bench.sets.contains(kBlockedSet, ipv4(1)));
    Model::Entries others(all.begin(), all.begin() + 10);
    for (std::uint32_t i = 0; i < limit; ++i) {
      others.push_back(single(ipv4(0x0b000000 + i)));
    }
    REQUIRE_THROWS_AS(bench.sets.replace(kBlockedSet, others), Error);
    bench.check();
    REQUIRE(bench.sets.whole().steps.back().buckets.size() == before.steps.back().buckets.size());
  }
  SECTION("all addresses are replaced by others") {
    Model::Entries others;
    for (std::uint32_t i = 0; i < limit; ++i) {
      others.push_back(single(ipv4(0x0b000000 + i)));
    }
    bench.probes.push_back(others.front().range.first);
    bench.probes.push_back(others.back().range.first);
    bench.replace(kBlockedSet, others);
    bench.check();
  }
  SECTION("all addresses become one range and single addresses again") {
    const Model::Entries everything{entry(ipv4(0), ipv4(0xffffffff)), entry(ipv6(0, 0), ipv6(~0ULL, ~0ULL))};
    bench.replace(kBlockedSet, everything);
    bench.check();
    REQUIRE(bench.maps.control.buckets == 0);
    bench.replace(kBlockedSet, all);
    bench.check();
    REQUIRE(bench.maps.control.buckets == kRoom.buckets);
  }
}

TEST_CASE("single addresses that change sets while they move are in no other set meanwhile") {
  constexpr AddressSets::Room kRoom{32, 64, 0};
  Bench bench(kRoom, 3);
  bench.create("a");
  std::mt19937 random(9);
  for (std::uint32_t i = 0; i < 300; ++i) {
    bench.probes.push_back(i % 3 == 0 ? ipv6(0x20010db8, std::uint64_t{i} * 7) : ipv4(0x0a000000 + i));
  }
  for (unsigned round = 0; round < testing::tries(300U); ++round) {
    const std::string name = random() % 2 == 0 ? "a" : kBlockedSet;
    std::set<IpAddress> chosen;
    while (chosen.size() < 40) chosen.insert(bench.probes[random() % bench.probes.size()]);
    Model::Entries wanted;
    for (const IpAddress& address : chosen) {
      wanted.push_back(single(address));
    }
    bench.replace(name, wanted);
    bench.check();
  }
  REQUIRE(bench.longest > 2);
}

TEST_CASE("addresses that become ranges or single addresses in a full table are always found") {
  Bench bench(kSmall, 4);
  Model::Entries one{entry(ipv4(0x0a000000), ipv4(0x0a0000ff))};
  Model::Entries other{entry(ipv4(0x0b000000), ipv4(0x0b0000ff))};
  for (std::uint32_t i = 0; i < 160; ++i) {
    (i < 60 ? one : other).push_back(single(ipv4((i < 60 ? 0x0b000000 : 0x0a000000) + i)));
    (i < 60 ? other : one).push_back(single(ipv4(0x0c000000 + i)));
  }
  one.resize(160);
  other.resize(160);
  for (const auto* entries : {&one, &other}) {
    for (const SetEntry& e : *entries) {
      bench.probes.push_back(e.range.first);
    }
  }
  for (unsigned round = 0; round < testing::tries(150U, 8U); ++round) {
    bench.replace(kBlockedSet, round % 2 == 0 ? one : other);
    bench.check();
  }
  REQUIRE(bench.longest > 3);
}

TEST_CASE("addresses are refused if the search finds no room, and nothing changes") {
  constexpr AddressSets::Room kRoom{8, 64, 0};
  Bench bench(kRoom);
  bench.create("a");
  Model::Entries crowd;
  Model::Entries some;
  for (std::uint32_t i = 0; crowd.size() < 2 * ADDRESSES_PER_BUCKET + 1 || some.size() < 8; ++i) {
    const auto buckets = address_buckets(table_key(address_key(ipv4(i)), kIpv4), kRoom.buckets, kKeys);
    const bool in_crowd = std::min(buckets.first, buckets.second) == 2 && std::max(buckets.first, buckets.second) == 3;
    Model::Entries& entries = in_crowd ? crowd : some;
    if (entries.size() < (in_crowd ? 2U * ADDRESSES_PER_BUCKET + 1 : 8U)) {
      entries.push_back(single(ipv4(i)));
      bench.probes.push_back(ipv4(i));
    }
  }
  bench.add(kBlockedSet, some);
  Model::Entries wanted = crowd;
  wanted.insert(wanted.end(), some.begin() + 4, some.end());
  wanted.push_back(entry(ipv4(0), ipv4(1)));
  REQUIRE_THROWS_WITH(bench.sets.add("a", wanted), Catch::Contains("no place for"));
  bench.check();
  REQUIRE_THROWS_WITH(bench.sets.replace(kBlockedSet, wanted), Catch::Contains("no place for"));
  bench.check();
  crowd.pop_back();
  bench.replace(kBlockedSet, crowd);
  bench.check();
}

TEST_CASE("thousands of prefixes are found, and one more prefix writes few nodes") {
  constexpr AddressSets::Room kRoom{64, 20000, 77};
  Bench bench(kRoom);
  bench.read_between_all = false;
  bench.create("nets");
  Model::Entries prefixes;
  for (std::uint64_t i = 0; i < testing::tries<std::uint64_t>(3000); ++i) {
    const auto first = static_cast<std::uint32_t>(0x0a000000 + i * 1024);
    prefixes.push_back(entry(ipv4(first), ipv4(first + 255)));
    prefixes.push_back(entry(ipv6(0x20010db8, i * 16), ipv6(0x20010db8, i * 16 + 7)));
    prefixes.push_back(entry(ipv6(0x20010db800000000 + 4 * i, 0), ipv6(0x20010db800000000 + 4 * i + 1, ~0ULL)));
    prefixes.push_back(entry(ipv6(0x3000000000000000 + 2 * i, 5), ipv6(0x3000000000000000 + 2 * i, 9)));
    bench.probes.push_back(ipv6(0x3000000000000000 + 2 * i, 0));
    if (i % 100 == 0) {
      bench.probes.insert(bench.probes.end(), {ipv4(first - 1), ipv4(first), ipv4(first + 255), ipv4(first + 256)});
      bench.probes.insert(bench.probes.end(), {ipv6(0x20010db8, i * 16 + 7), ipv6(0x20010db8, i * 16 + 8)});
      bench.probes.push_back(ipv6(0x20010db800000000 + 4 * i + 1, ~0ULL));
      bench.probes.push_back(ipv6(0x20010db800000000 + 4 * i + 2, 0));
    }
  }
  const SetUpdate loaded = bench.sets.add("nets", prefixes);
  bench.model.sets["nets"] = prefixes;
  bench.maps.perform(loaded, bench.sets.classes());
  bench.check();

  const SetEntry one = entry(ipv4(0x0a000000 + 512), ipv4(0x0a000000 + 600));
  const SetUpdate update = bench.sets.add(kBlockedSet, std::vector{one});
  bench.model.add(kBlockedSet, {one});
  bench.maps.perform(update, bench.sets.classes());
  bench.probes.push_back(ipv4(0x0a000000 + 600));
  bench.check();
  REQUIRE(update.steps.size() == 1);
  REQUIRE(update.steps[0].nodes.size() < 300);

  std::vector<AddressRange> all;
  for (const SetEntry& e : prefixes) {
    all.push_back(e.range);
  }
  bench.take("nets", all);
  bench.take(kBlockedSet, {one.range});
  bench.check();
  REQUIRE(bench.maps.control.set_roots[0] == INTERVAL_LEAF);
  REQUIRE(bench.maps.control.set_roots[1] == INTERVAL_LEAF);
}

TEST_CASE("an IPv6 address that looks like an IPv4 one in the table is found, and stays apart from the IPv4 one") {
  Bench bench(kSmall);
  const IpAddress twin = ipv6(0x0a000001, ~0ULL);
  bench.create("a");
  bench.probes = {twin, ipv6(0x0a000001, ~0ULL - 1), ipv6(0x0a000002, 0), ipv4(0x0a000001)};
  bench.add(kBlockedSet, {single(twin), single(ipv6(0x1'0a000001, ~0ULL))});
  bench.check();
  bench.probes = {ipv4(0x0a000001)};
  bench.add("a", {single(ipv4(0x0a000001))});
  bench.check();
  bench.take(kBlockedSet, {{twin, twin}});
  bench.check();
  REQUIRE(bench.sets.size("a") == 1);
}

TEST_CASE("overlapping ranges of a set are counted: after removing one, the others still cover their addresses") {
  Bench bench(kSmall);
  bench.probes = universe();
  const SetEntry wide = entry(ipv4(0x0a000000), ipv4(0x0a0000ff));
  const SetEntry inner = entry(ipv4(0x0a000008), ipv4(0x0a00000f));
  const SetEntry across = entry(ipv4(0x0a00000c), ipv4(0x0a000020));
  bench.add(kBlockedSet, {wide, inner, across, single(ipv4(0x0a00000d))});
  bench.take(kBlockedSet, {inner.range});
  bench.check();
  bench.take(kBlockedSet, {wide.range});
  bench.check();
  bench.take(kBlockedSet, {across.range});
  bench.check();
  REQUIRE(bench.sets.contains(kBlockedSet, ipv4(0x0a00000d)));
  REQUIRE(bench.maps.find(ipv4(0x0a00000d)) == (SET_BLOCKED | 1));
}

TEST_CASE("a range's own entry and a wider entry are told apart") {
  AddressSets sets(kSmall, kKeys);
  const auto range = [](const char* text) { return parse_address_range(text); };
  const auto wider = [&](const char* text) {
    const auto found = sets.wider_entry("blocked", range(text));
    return found ? found->text() : "";
  };
  std::vector<SetEntry> entries;
  for (const char* text :
       {"10.0.0.0/24", "10.0.0.7", "10.0.0.0-10.0.0.3", "10.0.1.0/25", "2001:db8::/32", "2001:db8::9"}) {
    entries.push_back({range(text), std::nullopt});
  }
  sets.add("blocked", entries);
  for (const char* text : {"10.0.0.0/24", "10.0.0.7", "2001:db8::9"}) CHECK(sets.entry("blocked", range(text)));
  for (const char* text : {"10.0.0.1", "10.0.0.0/25", "::a00:7"}) CHECK_FALSE(sets.entry("blocked", range(text)));
  CHECK(wider("10.0.0.7") == "10.0.0.0/24");
  CHECK(wider("10.0.0.0/30") == "10.0.0.0/24");
  CHECK(wider("2001:db8::9") == "2001:db8::/32");
  CHECK(wider("10.0.1.0-10.0.1.9") == "10.0.1.0/25");
  CHECK(wider("10.0.0.0/24").empty());
  CHECK(wider("10.0.0.255-10.0.1.0").empty());
  CHECK(wider("10.0.1.128").empty());
  CHECK(wider("::a00:7").empty());
  const auto narrower = [&](const char* text) { return sets.narrower_entries("blocked", range(text)); };
  CHECK(narrower("10.0.0.0/24") == 2);
  CHECK(narrower("10.0.0.0/8") == 4);
  CHECK(narrower("10.0.0.0-10.0.0.3") == 0);
  CHECK(narrower("10.0.0.4-10.0.0.7") == 1);
  CHECK(narrower("10.0.0.0-10.0.1.4") == 3);
  CHECK(narrower("::/0") == 2);
  CHECK(narrower("10.0.0.7") == 0);
}

TEST_CASE("prefixes that need more than half of the nodes are refused with the values, and nothing changes") {
  Bench bench(AddressSets::Room{64, 40, 0});
  bench.probes = universe();
  bench.add(kBlockedSet, {entry(ipv4(0x0a000000), ipv4(0x0a000003)), single(ipv4(0x0a000002))});
  Model::Entries many{single(ipv4(1))};
  for (std::uint32_t i = 0; i < 60; ++i) {
    many.push_back(entry(ipv4(0x0b000000 + 4 * i), ipv4(0x0b000001 + 4 * i)));
  }
  REQUIRE_THROWS_WITH(bench.sets.add(kBlockedSet, many), Catch::Contains("nodes") && Catch::Contains("20"));
  bench.check();
  many.resize(20);
  bench.add(kBlockedSet, many);
  bench.check();
}

TEST_CASE("more than 64 sets, invalid names and invalid ranges are refused; the bit of a removed set is reused") {
  AddressSets sets(kSmall, kKeys);
  REQUIRE(sets.names() == std::vector<std::string>{"blocked", "allowed"});
  REQUIRE(sets.bit("blocked") == 0U);
  REQUIRE(sets.bit("allowed") == 1U);
  for (unsigned i = 2; i < kSetsMax; ++i) {
    sets.create("set" + std::to_string(i));
  }
  REQUIRE_THROWS_WITH(sets.create("more"), Catch::Contains("'more'") && Catch::Contains("64"));
  REQUIRE_THROWS_WITH(sets.create("set2"), Catch::Contains("exists already"));
  REQUIRE_THROWS_WITH(sets.remove("blocked"), Catch::Contains("built in"));
  REQUIRE_THROWS_WITH(sets.remove("allowed"), Catch::Contains("built in"));
  REQUIRE_THROWS_WITH(sets.size("other"), Catch::Contains("'other'") && Catch::Contains("blocked, allowed, set2"));
  const unsigned bit = *sets.bit("set7");
  sets.remove("set7");
  REQUIRE_FALSE(sets.exists("set7"));
  sets.create("more");
  REQUIRE(sets.bit("more") == bit);
  REQUIRE(sets.names().back() == "more");
  REQUIRE_THROWS_WITH(sets.add("more", std::vector{entry(ipv4(2), ipv4(1))}), Catch::Contains("is not a range"));
  REQUIRE_THROWS_WITH(sets.add("more", std::vector{entry(ipv4(2), ipv6(3, 3))}), Catch::Contains("is not a range"));
  REQUIRE(sets.size("more") == 0);
  REQUIRE_THROWS_AS(AddressSets(AddressSets::Room{1, 10, 0}, kKeys), Error);
}

TEST_CASE("more than 511 combinations of sets at a time are refused; unused ones give their numbers to others") {
  Bench bench(AddressSets::Room{1024, 4096, 0});
  for (unsigned i = 1; i < 11; ++i) {
    bench.create("set" + std::to_string(i));
  }
  const auto add_combination = [&](std::uint32_t combination) {
    for (unsigned i = 1; i < 11; ++i) {
      if ((combination >> (i - 1) & 1) != 0) {
        bench.maps.perform(bench.sets.add("set" + std::to_string(i), std::vector{single(ipv4(combination))}),
                           bench.sets.classes());
        bench.model.add("set" + std::to_string(i), {single(ipv4(combination))});
      }
    }
    bench.probes.push_back(ipv4(combination));
  };
  for (std::uint32_t combination = 1; combination < SET_CLASSES; ++combination) {
    add_combination(combination);
  }
  bench.check();
  REQUIRE(bench.sets.classes().size() == SET_CLASSES);
  REQUIRE_THROWS_WITH(add_combination(512), Catch::Contains("511"));
  REQUIRE(bench.sets.size("set10") == 0);
  bench.check();

  std::vector<AddressRange> some;
  for (const std::uint32_t number : {256U, 1U}) {
    some.push_back({ipv4(number), ipv4(number)});
  }
  bench.take("set9", some);
  const std::vector<SetMask> before = bench.sets.classes();
  add_combination(512);
  bench.check();
  REQUIRE(bench.sets.classes().size() == before.size());
  std::size_t other = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    other += before[i] != bench.sets.classes()[i] ? 1 : 0;
  }
  REQUIRE(other == 1);
}

TEST_CASE("entries expire in time, and a later expiry replaces an earlier one") {
  Bench bench(kSmall);
  bench.probes = universe();
  bench.create("a");
  REQUIRE_FALSE(bench.sets.next_end());
  const auto range = std::pair(ipv4(0x0a000000), ipv4(0x0a000007));
  bench.add("a", {entry(range.first, range.second, 100), entry(ipv4(9), ipv4(9), 50)});
  bench.add(kBlockedSet, {entry(ipv4(0x0a000001), ipv4(0x0a000001), 70)});
  REQUIRE(bench.sets.next_end() == 50);
  bench.add("a", {single(ipv4(9))});
  REQUIRE(bench.sets.next_end() == 70);
  bench.expire(69);
  REQUIRE(bench.sets.size(kBlockedSet) == 1);
  bench.expire(70);
  REQUIRE(bench.sets.size(kBlockedSet) == 0);
  bench.add("a", {entry(range.first, range.second, 200)});
  bench.expire(199);
  bench.check();
  bench.expire(1000);
  bench.check();
  REQUIRE(bench.sets.size("a") == 1);
  REQUIRE_FALSE(bench.sets.next_end());
}

TEST_CASE("an address that is in `allowed` too is not blocked, as a single address and within ranges") {
  Bench bench(kSmall);
  const auto blocked = [&bench](std::uint32_t address) { return (bench.maps.find(ipv4(address)) & SET_BLOCKED) != 0; };
  bench.add(kBlockedSet, {entry(ipv4(8), ipv4(15)), single(ipv4(20))});
  bench.add(kAllowedSet, {single(ipv4(9)), entry(ipv4(12), ipv4(31))});
  CHECK(blocked(8));
  CHECK_FALSE(blocked(9));
  CHECK(blocked(10));
  CHECK_FALSE(blocked(12));
  CHECK_FALSE(blocked(20));
  bench.take(kAllowedSet, {{ipv4(12), ipv4(31)}});
  CHECK(blocked(12));
  CHECK(blocked(20));
  CHECK_FALSE(blocked(9));
}

TEST_CASE("an update that changes no address's sets writes nothing") {
  Bench bench(kSmall);
  bench.add(kBlockedSet, {single(ipv4(1)), entry(ipv4(8), ipv4(9))});
  REQUIRE(bench.sets.add(kBlockedSet, std::vector{entry(ipv4(1), ipv4(1), 5)}).steps.empty());
  REQUIRE(bench.sets.remove_entries(kBlockedSet, std::vector<AddressRange>{{ipv4(8), ipv4(8)}}).steps.empty());
  REQUIRE(bench.sets.expire(4).steps.empty());
}

TEST_CASE("sets adopt what is in force: an address in a set before and after is in it at every moment") {
  // A table that is as full as possible. Addresses move, and a controller that dies leaves some at two places.
  constexpr AddressSets::Room kTight{20, 4096, 1000};
  const std::vector<std::string> names{kBlockedSet, "a", "b", "c"};
  std::mt19937 random(3);
  unsigned adopted = 0;
  const auto full = [](const Error& error) { return std::string(error.what()).find("single addresses") < 200; };
  for (unsigned seed = 0; seed < testing::tries(100U); ++seed) {
    Bench bench(kTight, seed);
    bench.probes = universe();
    const auto pick = [&] { return bench.probes[random() % bench.probes.size()]; };
    for (std::size_t i = 1; i < names.size(); ++i) bench.create(names[i]);
    for (unsigned generation = 0; generation < 4; ++generation) {
      for (unsigned round = 0; round < 12; ++round) {
        Model::Entries entries{random_entry(bench.probes, random)};
        for (auto i = random() % 6; i > 0; --i) entries.push_back(single(pick()));
        try {
          bench.add(names[random() % names.size()], entries);
        } catch (const Error& error) {
          REQUIRE(full(error));
        }
      }
      Model after = bench.model;
      if (generation % 2 == 1) {
        // Turns ranges into single addresses, or back.
        for (const std::string& name : names) {
          for (SetEntry& e : after.sets[name]) {
            const IpAddress inside = pick();
            if (random() % 2 == 0 && bench.model.contains(name, inside)) {
              e.range = {inside, inside};
            } else if (random() % 4 == 0) {
              e = random_entry(bench.probes, random);
            }
          }
          const Model::Entries made = std::exchange(after.sets[name], {});
          after.add(name, made);
        }
      }
      try {
        if (generation >= 2) {
          bench.add_in_part(names[random() % names.size()], {random_entry(bench.probes, random), single(pick()),
                                                             single(pick()), single(pick()), single(pick())});
        }
        bench.adopt(std::move(after));
        ++adopted;
      } catch (const Error& error) {
        REQUIRE(full(error));
        break;
      }
      bench.check();
    }
  }
  REQUIRE(adopted > testing::tries(100U));
}

TEST_CASE("an interrupted change leaves no stale copies") {
  Bench bench(kSmall);
  bench.probes = universe();
  const IpAddress twice = ipv6(0x20010db800000000, 1);
  bench.add(kBlockedSet, {single(twice), single(ipv4(0x0a000001))});
  const AddressBuckets places =
      address_buckets({0x20010db800000000, 1}, kSmall.buckets, std::to_array(bench.maps.control.keys));
  REQUIRE(places.first != places.second);
  for (const std::uint32_t bucket : {places.first, places.second, (places.first + 1) % kSmall.buckets}) {
    bench.maps.buckets[bucket].address[2] = {0x20010db800000000, 1};
    bench.maps.buckets[bucket].sets[2] = static_cast<std::uint16_t>(bench.maps.find(twice));
  }
  Model after = bench.model;
  after.take(kBlockedSet, {{twice, twice}});
  bench.adopt(std::move(after));
  bench.check();
  const auto left = [](const address_bucket& bucket) { return bucket.sets[2] != 0 && bucket.address[2].low == 1; };
  REQUIRE(std::none_of(bench.maps.buckets.begin(), bench.maps.buckets.end(), left));
}

TEST_CASE("sets that equal what is in force adopt it without writing a bucket") {
  Bench bench(kSmall);
  bench.probes = universe();
  for (std::uint32_t i = 0; i < 100; ++i) bench.add(kBlockedSet, {single(ipv4(0x0b000000 + i * 7))});
  AddressSets next(kSmall, kOtherKeys);
  for (std::uint32_t i = 100; i-- > 0;) next.add(kBlockedSet, std::vector{single(ipv4(0x0b000000 + i * 7))});
  const SetUpdate update = next.adopt({bench.maps.control, bench.maps.buckets, {}}, bench.sets.class_names());
  for (const auto& step : update.steps) REQUIRE(step.buckets.empty());
  REQUIRE(update.new_classes.empty());
}

TEST_CASE("maps of another size and too many classes are refused, and nothing changes") {
  Bench bench(kSmall);
  bench.probes = universe();
  bench.add(kBlockedSet, {single(ipv4(0x0a000001))});
  const auto adopt = [&](std::size_t buckets, std::size_t classes) {
    bench.sets.adopt({bench.maps.control, std::vector<address_bucket>(buckets), {}},
                     std::vector<std::vector<std::string>>(classes));
  };
  REQUIRE_THROWS_WITH(adopt(32, 1), "address sets: adopting 32 buckets; there is room for 64");
  REQUIRE_THROWS_WITH(adopt(64, 513), "address sets: adopting 513 classes of addresses; 1 to 512 are possible");
  bench.add("blocked", {single(ipv4(0x0a000002))});
  bench.check();
}

TEST_CASE("all sets can be written to new maps and to maps with unknown content") {
  Bench bench(kSmall);
  bench.probes = universe();
  bench.create("a");
  std::mt19937 random(2);
  for (unsigned round = 0; round < 20; ++round) {
    bench.add(round % 2 == 0 ? "a" : kBlockedSet,
              {random_entry(bench.probes, random), random_entry(bench.probes, random)});
    bench.expire(round * 10);
  }
  bench.check();
  bench.maps = SetMaps(kSmall);
  bench.maps.perform(bench.sets.whole(), bench.sets.classes());
  bench.check();

  for (address_bucket& bucket : bench.maps.buckets) {
    for (auto& sets : bucket.sets) {
      sets = 3;
    }
  }
  const SetUpdate update = bench.sets.whole(AddressSets::Maps::unknown);
  REQUIRE(update.steps.size() == 2);
  REQUIRE(update.steps[0].control->buckets == 0);
  REQUIRE(update.steps[1].buckets.size() == kSmall.buckets);
  for (const auto& bucket : update.steps[1].buckets) {
    bench.maps.buckets[bucket.index] = bucket.value;
  }
  bench.check();
}

}  // namespace nicsentry::firewall_address_sets_test
