// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// The maps in which a program looks an address up, as bpf_offload/sets.h does. A program can see each update word by
// word, in any order within a bucket.
class SetMaps {
 public:
  explicit SetMaps(const AddressSets::Room& room);

  // Returns the SET_* word of an address, with all reads at one moment.
  std::uint32_t find(const IpAddress& address) const;
  SetMask mask_of(std::uint32_t word) const;

  // Performs an update. Calls `between` before the first word and after each word. Calls `settled` at the end of each
  // step. Fails the test on writes that no update may make.
  void perform(const SetUpdate& update, const std::vector<SetMask>& classes, std::mt19937& random,
               const std::function<void()>& between, const std::function<void()>& settled);
  void perform(const SetUpdate& update, const std::vector<SetMask>& classes);

  std::set<std::uint32_t> nodes_in_force() const;

  fw_config control{};
  std::vector<address_bucket> buckets;
  std::vector<interval_node> nodes;

 private:
  using Place = std::pair<std::uint32_t, std::uint32_t>;

  void perform_bucket(const SetUpdate::BucketUpdate& update, std::mt19937& random,
                      const std::function<void()>& between);
  void check_places(const SetUpdate::BucketUpdate& update);

  AddressSets::Room room_;
  std::vector<SetMask> rows_;  // by class, as the rules see it
  std::set<Place> cleared_in_step_;
};

// A program that looks one address up with one read at a time.
class SlowReader {
 public:
  explicit SlowReader(const IpAddress& wanted) : address(wanted) {}

  void advance(const SetMaps& maps);
  bool done() const { return stage_ == Stage::done; }
  std::uint32_t word() const { return word_; }

  IpAddress address;

 private:
  enum class Stage : std::uint8_t { control, sets, first_half, second_half, root, node, done };

  void next_place();

  Stage stage_ = Stage::control;
  std::array<std::uint32_t, 2> candidates_{};
  unsigned place_ = 0;  // in both buckets
  std::uint32_t word_ = 0;
  std::uint32_t way_ = 0;
  bool lower_ = false;
};

}  // namespace nicsentry
