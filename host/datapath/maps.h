// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "bpf_offload/types.h"
#include "host/base/unique_fd.h"
#include "host/datapath/counter_reader.h"
#include "host/datapath/program_catalog.h"

namespace nicsentry {

// The last row is 0 on a card.
using Totals = std::array<totals_row, TOTALS_ROWS_HOST>;

// The maps of one program, through the kernel: from anywhere, also on the card, where each call is a control message.
// Every call throws SystemError naming the map. Not for use by several threads.
class Maps {
 public:
  // Takes its maps out of a program's; their sizes are read from the kernel.
  explicit Maps(MapFds& fds);

  std::uint32_t bucket_count() const { return bucket_count_; }
  std::uint32_t counter_ids() const { return counter_entries_ / 2; }
  int records_fd() const { return records_.get(); }

  // The open firmware's arrays start out empty (hw/README.md): an element is there once it was written, before that a
  // program finds nothing and counts nothing. Makes control and totals, and finds out whether counters need the same.
  void make_elements();
  // Before a program may count on an id for the first time.
  void make_counters(std::uint32_t counter);

  control read_control() const;
  void write_control(const control& value);

  session_bucket read_bucket(std::uint32_t index) const;
  void write_bucket(std::uint32_t index, const session_bucket& value);
  // Calls `act` with every bucket that is not empty: some in one call where the kernel can, else one by one.
  using BucketAct = std::function<void(std::uint32_t index, const session_bucket& bucket)>;
  void for_each_bucket(const BucketAct& act) const;
  // Empties every bucket that is not empty.
  void clear_buckets();

  session_counters read_counters(std::uint32_t counter, unsigned half) const;
  // Reads counters of ids 0..ids-1 in one half into `into` (resized): in one call where the kernel can, else one by
  // one. `used` says which ids matter; the others' values are unspecified.
  void read_all_counters(unsigned half, std::uint32_t ids, const std::vector<bool>& used,
                         std::vector<session_counters>& into);

  Totals read_totals(unsigned half) const;

  // Reads the counters beside this object, on another thread.
  std::shared_ptr<CounterReader> counter_reader() const;

 private:
  UniqueFd control_;
  UniqueFd sessions_;
  UniqueFd counters_;
  UniqueFd totals_;
  UniqueFd records_;
  std::uint32_t bucket_count_ = 0;
  std::uint32_t counter_entries_ = 0;
  std::uint32_t totals_rows_ = 0;
  bool elements_missing_ = false;
  std::vector<bool> made_counters_;  // by id
  bool batch_ = true;
  std::vector<session_counters> batch_values_;
  std::vector<std::uint32_t> batch_keys_;
};

}  // namespace nicsentry
