// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/base/unique_fd.h"
#include "host/datapath/program_catalog.h"

namespace nicsentry {

// The maps of one program's firewall. Every call throws SystemError naming the map. Writes take effect in their order;
// runs of elements go in one call where the kernel can. Any thread may read while one writes.
class FirewallMaps {
 public:
  // Takes its maps out of a program's.
  explicit FirewallMaps(MapFds& fds);

  // Elements of each map, read from the kernel.
  std::uint32_t node_count() const { return node_count_; }
  std::uint32_t bit_count() const { return bit_count_; }
  std::uint32_t bucket_count() const { return bucket_count_; }

  // None where the program is on a card.
  std::optional<int> expectations_fd() const;

  // Whether the program knows limits: not on a card.
  bool knows_limits() const { return static_cast<bool>(limits_); }
  // Whether packets are charged. A program that is asked questions only has no room for tables: to it each packet is
  // within the rate.
  bool keeps_limits() const { return keeps_limits_; }

  // Ends what is expected of a session, see expectation_name(). A program that writes the element at the same moment
  // may lose what it wrote. Does nothing where there is no map.
  void end_expectation(std::uint64_t name);

  // Makes what the card adds to exist, where its arrays start empty.
  void make_elements();

  fw_config read_control() const;
  void write_control(const fw_config& value);
  void write_banks(std::uint32_t number, std::span<const rule_bank, 2> families);
  void write_nodes(std::uint32_t first, std::span<const interval_node> values);
  void write_bits(std::uint32_t first, std::span<const rule_chunk> values);
  void write_actions(std::uint32_t first, std::span<const rule_action> values);
  // From number 0 of a bank on.
  void write_limits(std::uint32_t bank, std::span<const std::array<limit, 2>> values);
  // A table of full buckets.
  static UniqueFd make_limit_table();
  void put_limit_table(std::uint32_t bank, std::uint32_t number, const UniqueFd& table);
  // The kernel frees a table that is in no place and has no descriptor. Waits for programs only where there is one.
  void clear_limit_table(std::uint32_t bank, std::uint32_t number);
  // Whether the program counts packets of the entries of sets.
  bool counts_hits() const { return counts_hits_; }
  // For a bank and HIT_*, by class from `first` on: a bit for each set that counts. Names by bit.
  void write_hit_sets(std::uint32_t bank, unsigned place, std::uint32_t first, std::span<const std::uint64_t> sets);
  void write_hit_names(std::uint32_t bank, std::span<const std::uint32_t, HIT_NAMES> names);
  // Makes elements, whose counts begin at 0, where there is none. Returns why one could not be made; empty: all are
  // there.
  std::string make_hits(std::span<const hit_key> keys);
  // Removes elements that are there. No packet may be looking for them any more.
  void remove_hits(std::span<const hit_key> keys);
  std::vector<hit_key> hit_keys() const;
  // Of an element that is missing: nothing.
  std::optional<rule_counter> read_hits(const hit_key& key) const;

  // Who was beyond the rate of limits, in no order; nothing where the program has none.
  struct Limited {
    limited_key key;
    limited_count count;
  };
  std::vector<Limited> read_limited() const;
  void clear_limited();
  void write_bucket(std::uint32_t index, const address_bucket& value);
  void write_buckets(std::uint32_t first, std::span<const address_bucket> values);
  interval_node read_node(std::uint32_t index) const;
  std::vector<address_bucket> read_all_buckets() const;

  // The values of these counters, both halves added. Many are all read at once, where the kernel can.
  std::vector<rule_counter> read_counters(std::span<const std::uint32_t> ids) const;
  rule_counter read_counter(std::uint32_t id, unsigned half) const;

 private:
  UniqueFd control_;
  UniqueFd banks_;
  UniqueFd nodes_;
  UniqueFd bits_;
  UniqueFd actions_;
  UniqueFd addresses_;
  UniqueFd counters_;
  UniqueFd expectations_;
  UniqueFd limits_;
  UniqueFd limit_tables_;
  UniqueFd limited_;
  std::uint32_t node_count_ = 0;
  std::uint32_t bit_count_ = 0;
  std::uint32_t bucket_count_ = 0;
  bool keeps_limits_ = false;
  UniqueFd hit_sets_;
  UniqueFd hit_names_;
  UniqueFd hit_addresses_;
  UniqueFd hit_prefixes_;
  bool counts_hits_ = false;

  const UniqueFd& hits_of(const hit_key& key) const;
};

}  // namespace nicsentry
