// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/firewall_maps.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <string>
#include <utility>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/map_elements.h"

namespace nicsentry {
namespace {

// Bounds what one call holds up; no more keys than this are made for it.
constexpr std::size_t kBatch = 4096;

bool write_batch(const UniqueFd& map, std::uint32_t first, const void* values, std::size_t count) {
  std::vector<std::uint32_t> keys(count);
  std::iota(keys.begin(), keys.end(), first);
  auto written = static_cast<__u32>(count);
  return bpf_map_update_batch(map.get(), keys.data(), const_cast<void*>(values), &written, nullptr) == 0;
}

// Maps on the card have no batches: then one by one, which also tells the element that fails.
template <typename Value>
void write_run(const UniqueFd& map, MapRole role, std::uint32_t first, std::span<const Value> values) {
  for (std::size_t from = 0; from < values.size(); from += kBatch) {
    const auto part = values.subspan(from, std::min(kBatch, values.size() - from));
    const auto index = static_cast<std::uint32_t>(first + from);
    if (part.size() > 1 && write_batch(map, index, part.data(), part.size())) {
      continue;
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      write_element(map, role, static_cast<std::uint32_t>(index + i), part[i]);
    }
  }
}

// From this number of counters on all are read: that is one call.
constexpr std::size_t kReadOneByOne = 64;

// False where the map is on a card, which has no batches.
template <typename Value>
bool read_all(const UniqueFd& map, std::vector<Value>& elements) {
  std::vector<std::uint32_t> keys(elements.size());
  auto read = static_cast<__u32>(elements.size());
  std::uint32_t position = 0;
  return bpf_map_lookup_batch(map.get(), nullptr, &position, keys.data(), elements.data(), &read, nullptr) == 0 ||
         errno == ENOENT;  // the batch reached the map's end
}

rule_counter sum(const rule_counter& a, const rule_counter& b) { return {a.packets + b.packets, a.bytes + b.bytes}; }

}  // namespace

FirewallMaps::FirewallMaps(MapFds& fds)
    : control_(std::move(fds[MapRole::firewall_control])),
      banks_(std::move(fds[MapRole::rule_banks])),
      nodes_(std::move(fds[MapRole::interval_nodes])),
      bits_(std::move(fds[MapRole::rule_bits])),
      actions_(std::move(fds[MapRole::rule_actions])),
      addresses_(std::move(fds[MapRole::set_addresses])),
      counters_(std::move(fds[MapRole::rule_counters])),
      expectations_(std::move(fds[MapRole::expectations])),
      limits_(std::move(fds[MapRole::limits])),
      limit_tables_(std::move(fds[MapRole::limit_tables])),
      limited_(std::move(fds[MapRole::limited])),
      node_count_(entries_of(nodes_, MapRole::interval_nodes)),
      bit_count_(entries_of(bits_, MapRole::rule_bits)),
      bucket_count_(entries_of(addresses_, MapRole::set_addresses)) {
  require_entries(banks_, MapRole::rule_banks, 4);
  require_entries(actions_, MapRole::rule_actions, 2 * ACTION_ROWS);
  require_entries(counters_, MapRole::rule_counters, 2 * RULE_COUNTERS);
  if (limits_) {
    require_entries(limits_, MapRole::limits, 2 * LIMITS * 2);
    keeps_limits_ = entries_of(limit_tables_, MapRole::limit_tables) == 2 * LIMITS;
  }
  hit_sets_ = std::move(fds[MapRole::hit_sets]);
  hit_names_ = std::move(fds[MapRole::hit_names]);
  hit_addresses_ = std::move(fds[MapRole::hit_addresses]);
  hit_prefixes_ = std::move(fds[MapRole::hit_prefixes]);
  counts_hits_ = hit_sets_ && entries_of(hit_sets_, MapRole::hit_sets) == 2 * HIT_PLACES * SET_CLASSES;
}

std::optional<int> FirewallMaps::expectations_fd() const {
  return expectations_ ? std::optional(expectations_.get()) : std::nullopt;
}

void FirewallMaps::end_expectation(std::uint64_t name) {
  const auto index = static_cast<std::uint32_t>(name % ANSWERS);
  if (expectations_ &&
      (read_element<std::uint64_t>(expectations_, MapRole::expectations, index) ^ name) >> ANSWER_PRINT_SHIFT == 0) {
    write_element<std::uint64_t>(expectations_, MapRole::expectations, index, 0);
  }
}

void FirewallMaps::make_elements() {
  rule_counter last{};
  if (element_exists(counters_, 2 * RULE_COUNTERS - 1, &last)) {
    return;
  }
  for (std::uint32_t index = 0; index < 2 * RULE_COUNTERS; ++index) {
    make_element<rule_counter>(counters_, MapRole::rule_counters, index);
  }
}

fw_config FirewallMaps::read_control() const { return read_element<fw_config>(control_, MapRole::firewall_control, 0); }

void FirewallMaps::write_control(const fw_config& value) {
  write_element(control_, MapRole::firewall_control, 0, value);
}

void FirewallMaps::write_banks(std::uint32_t number, std::span<const rule_bank, 2> families) {
  write_run<rule_bank>(banks_, MapRole::rule_banks, 2 * number, families);
}

void FirewallMaps::write_nodes(std::uint32_t first, std::span<const interval_node> values) {
  write_run(nodes_, MapRole::interval_nodes, first, values);
}

void FirewallMaps::write_bits(std::uint32_t first, std::span<const rule_chunk> values) {
  write_run(bits_, MapRole::rule_bits, first, values);
}

void FirewallMaps::write_actions(std::uint32_t first, std::span<const rule_action> values) {
  write_run(actions_, MapRole::rule_actions, first, values);
}

void FirewallMaps::write_limits(std::uint32_t bank, std::span<const std::array<limit, 2>> values) {
  for (std::size_t number = 0; number < values.size(); ++number) {
    write_run<limit>(limits_, MapRole::limits, static_cast<std::uint32_t>((bank * LIMITS + number) * 2),
                     values[number]);
  }
}

UniqueFd FirewallMaps::make_limit_table() {
  UniqueFd table(bpf_map_create(BPF_MAP_TYPE_ARRAY, "limit_table", sizeof(std::uint32_t), sizeof(limit_buckets),
                                LIMIT_SETS, nullptr));
  if (!table) {
    throw SystemError(errno, "making a table of a limit's buckets", missing_text({Capability::bpf}));
  }
  return table;
}

void FirewallMaps::put_limit_table(std::uint32_t bank, std::uint32_t number, const UniqueFd& table) {
  write_element<std::uint32_t>(limit_tables_, MapRole::limit_tables, bank * LIMITS + number,
                               static_cast<std::uint32_t>(table.get()));
}

void FirewallMaps::clear_limit_table(std::uint32_t bank, std::uint32_t number) {
  const std::uint32_t index = bank * LIMITS + number;
  std::uint32_t table = 0;
  const bool empty = bpf_map_lookup_elem(limit_tables_.get(), &index, &table) != 0 && errno == ENOENT;
  if (!empty && bpf_map_delete_elem(limit_tables_.get(), &index) != 0 && errno != ENOENT) {
    throw SystemError(errno, "clearing entry " + std::to_string(index) + " of map " + map_name(MapRole::limit_tables));
  }
}

void FirewallMaps::write_hit_sets(std::uint32_t bank, unsigned place, std::uint32_t first,
                                  std::span<const std::uint64_t> sets) {
  write_run<std::uint64_t>(hit_sets_, MapRole::hit_sets, (bank * HIT_PLACES + place) * SET_CLASSES + first, sets);
}

void FirewallMaps::write_hit_names(std::uint32_t bank, std::span<const std::uint32_t, HIT_NAMES> names) {
  write_run<std::uint32_t>(hit_names_, MapRole::hit_names, bank * HIT_NAMES, names);
}

const UniqueFd& FirewallMaps::hits_of(const hit_key& key) const {
  const bool single = key.prefix == HIT_NAME_BITS + ((key.name & 1U) != 0 ? 128U : 32U);
  return single ? hit_addresses_ : hit_prefixes_;
}

std::string FirewallMaps::make_hits(std::span<const hit_key> keys) {
  const rule_counter zero{};
  for (const hit_key& key : keys) {
    if (bpf_map_update_elem(hits_of(key).get(), &key, &zero, BPF_NOEXIST) != 0 && errno != EEXIST) {
      return SystemError(errno, "making an element for the hits of an entry").what();
    }
  }
  return {};
}

void FirewallMaps::remove_hits(std::span<const hit_key> keys) {
  for (const hit_key& key : keys) {
    bpf_map_delete_elem(hits_of(key).get(), &key);
  }
}

std::vector<hit_key> FirewallMaps::hit_keys() const {
  std::vector<hit_key> keys;
  for (const UniqueFd* map : {&hit_addresses_, &hit_prefixes_}) {
    hit_key key{};
    for (const hit_key* last = nullptr; bpf_map_get_next_key(map->get(), last, &key) == 0; last = &keys.back()) {
      keys.push_back(key);
    }
  }
  return keys;
}

std::optional<rule_counter> FirewallMaps::read_hits(const hit_key& key) const {
  rule_counter count{};
  if (bpf_map_lookup_elem(hits_of(key).get(), &key, &count) != 0) {
    return std::nullopt;
  }
  return count;
}

std::vector<FirewallMaps::Limited> FirewallMaps::read_limited() const {
  std::vector<Limited> found;
  if (!limited_) {
    return found;
  }
  // The kernel gives whole chains of its hash: none is longer than all there is.
  std::vector<limited_key> keys(LIMITED_MOST);
  std::vector<limited_count> counts(LIMITED_MOST);
  std::array<std::uint32_t, 2> place{};
  for (bool first = true, more = true; more; first = false) {
    auto read = static_cast<__u32>(keys.size());
    more = bpf_map_lookup_batch(limited_.get(), first ? nullptr : &place[0], &place[1], keys.data(), counts.data(),
                                &read, nullptr) == 0;
    if (!more && errno != ENOENT) {
      throw SystemError(errno, std::string("reading map ") + map_name(MapRole::limited));
    }
    for (std::size_t i = 0; i < read; ++i) {
      found.push_back({keys[i], counts[i]});
    }
    place[0] = place[1];
  }
  return found;
}

void FirewallMaps::clear_limited() {
  for (const Limited& one : read_limited()) {
    if (bpf_map_delete_elem(limited_.get(), &one.key) != 0 && errno != ENOENT) {
      throw SystemError(errno, std::string("clearing map ") + map_name(MapRole::limited));
    }
  }
}

void FirewallMaps::write_bucket(std::uint32_t index, const address_bucket& value) {
  write_element(addresses_, MapRole::set_addresses, index, value);
}

void FirewallMaps::write_buckets(std::uint32_t first, std::span<const address_bucket> values) {
  write_run(addresses_, MapRole::set_addresses, first, values);
}

interval_node FirewallMaps::read_node(std::uint32_t index) const {
  return read_element<interval_node>(nodes_, MapRole::interval_nodes, index);
}

std::vector<address_bucket> FirewallMaps::read_all_buckets() const {
  std::vector<address_bucket> buckets(bucket_count_);
  if (!read_all(addresses_, buckets)) {
    for (std::uint32_t index = 0; index < bucket_count_; ++index) {
      buckets[index] = read_element<address_bucket>(addresses_, MapRole::set_addresses, index);
    }
  }
  return buckets;
}

std::vector<rule_counter> FirewallMaps::read_counters(std::span<const std::uint32_t> ids) const {
  std::vector<rule_counter> halves(ids.size() > kReadOneByOne ? std::size_t{2} * RULE_COUNTERS : 0);
  if (!read_all(counters_, halves)) {
    halves.clear();
  }
  const auto half = [&](std::uint32_t index) {
    return halves.empty() ? read_element<rule_counter>(counters_, MapRole::rule_counters, index) : halves[index];
  };
  std::vector<rule_counter> counters;
  counters.reserve(ids.size());
  for (const std::uint32_t id : ids) {
    counters.push_back(sum(half(id * 2), half(id * 2 + 1)));
  }
  return counters;
}

rule_counter FirewallMaps::read_counter(std::uint32_t id, unsigned half) const {
  return read_element<rule_counter>(counters_, MapRole::rule_counters, id * 2 + half);
}

}  // namespace nicsentry
