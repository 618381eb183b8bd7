// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/maps.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <type_traits>

#include "host/base/error.h"
#include "host/datapath/map_elements.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kBucketsPerBatch = 4096;

bool is_empty(const session_bucket& bucket) {
  for (const session_slot& slot : bucket.slot) {
    if (slot.state != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

Maps::Maps(MapFds& fds)
    : control_(std::move(fds[MapRole::control])),
      sessions_(std::move(fds[MapRole::sessions])),
      counters_(std::move(fds[MapRole::counters])),
      totals_(std::move(fds[MapRole::totals])),
      records_(std::move(fds[MapRole::records])),
      bucket_count_(entries_of(sessions_, MapRole::sessions)),
      counter_entries_(entries_of(counters_, MapRole::counters)) {
  require_entries(totals_, MapRole::totals, 2 * TOTALS_ROWS);
  totals_rows_ = std::min<std::uint32_t>(entries_of(totals_, MapRole::totals) / 2, TOTALS_ROWS_HOST);
}

void Maps::make_elements() {
  make_element<struct control>(control_, MapRole::control, 0);
  for (std::uint32_t row = 0; row < 2 * TOTALS_ROWS; ++row) {
    make_element<totals_row>(totals_, MapRole::totals, row);
  }
  session_counters last{};
  elements_missing_ = !element_exists(counters_, counter_entries_ - 1, &last);
}

void Maps::make_counters(std::uint32_t counter) {
  if (!elements_missing_) {
    return;
  }
  made_counters_.resize(counter_ids(), false);
  if (!made_counters_[counter]) {
    make_element<session_counters>(counters_, MapRole::counters, counter * 2);
    make_element<session_counters>(counters_, MapRole::counters, counter * 2 + 1);
    made_counters_[counter] = true;
  }
}

control Maps::read_control() const { return read_element<struct control>(control_, MapRole::control, 0); }

void Maps::write_control(const struct control& value) { write_element(control_, MapRole::control, 0, value); }

session_bucket Maps::read_bucket(std::uint32_t index) const {
  return read_element<session_bucket>(sessions_, MapRole::sessions, index);
}

void Maps::write_bucket(std::uint32_t index, const session_bucket& value) {
  write_element(sessions_, MapRole::sessions, index, value);
}

void Maps::for_each_bucket(const BucketAct& act) const {
  std::vector<session_bucket> buckets(std::min(bucket_count_, kBucketsPerBatch));
  std::vector<std::uint32_t> keys(buckets.size());
  std::uint32_t position = 0;
  bool batches = true;
  for (std::uint32_t first = 0; first < bucket_count_;) {
    auto count = static_cast<std::uint32_t>(buckets.size());
    batches = batches &&
              (bpf_map_lookup_batch(sessions_.get(), first == 0 ? nullptr : &position, &position, keys.data(),
                                    buckets.data(), &count, nullptr) == 0 ||
               errno == ENOENT) &&  // ENOENT: the batch reached the map's end
              count != 0;
    if (!batches) {  // maps on the card have none
      count = 1;
      buckets[0] = read_bucket(first);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!is_empty(buckets[i])) {
        act(first + i, buckets[i]);
      }
    }
    first += count;
  }
}

void Maps::clear_buckets() {
  for_each_bucket([this](std::uint32_t index, const session_bucket&) { write_bucket(index, session_bucket{}); });
}

session_counters Maps::read_counters(std::uint32_t counter, unsigned half) const {
  return read_element<session_counters>(counters_, MapRole::counters, counter * 2 + half);
}

void Maps::read_all_counters(unsigned half, std::uint32_t ids, const std::vector<bool>& used,
                             std::vector<session_counters>& into) {
  into.resize(ids);
  if (ids == 0) {
    return;
  }
  if (batch_) {
    batch_values_.resize(std::size_t{2} * ids);
    batch_keys_.resize(std::size_t{2} * ids);
    std::uint32_t count = 2 * ids;
    std::uint32_t position = 0;
    if (bpf_map_lookup_batch(counters_.get(), nullptr, &position, batch_keys_.data(), batch_values_.data(), &count,
                             nullptr) == 0 ||
        errno == ENOENT) {  // ENOENT: the batch reached the map's end
      for (std::uint32_t id = 0; id < ids; ++id) {
        into[id] = batch_values_[2 * id + half];
      }
      return;
    }
    batch_ = false;  // maps on the card have no batches
  }
  for (std::uint32_t id = 0; id < ids; ++id) {
    if (used[id]) {
      into[id] = read_counters(id, half);
    }
  }
}

std::shared_ptr<CounterReader> Maps::counter_reader() const {
  UniqueFd copy(fcntl(counters_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    throw SystemError(errno, std::string("opening map ") + map_name(MapRole::counters) + " once more");
  }
  return std::make_shared<CounterReader>(std::move(copy), counter_ids());
}

Totals Maps::read_totals(unsigned half) const {
  Totals rows{};
  for (std::uint32_t row = 0; row < totals_rows_; ++row) {
    rows[row] = read_element<totals_row>(totals_, MapRole::totals, row * 2 + half);
  }
  return rows;
}

}  // namespace nicsentry
