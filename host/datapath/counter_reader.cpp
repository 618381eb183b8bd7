// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/counter_reader.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/program_catalog.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kLooksAtClock = 16;  // ids between two

}  // namespace

CounterReader::CounterReader(UniqueFd counters, std::uint32_t ids_most)
    : counters_(std::move(counters)), ids_most_(ids_most) {}

void CounterReader::read(const Wanted& wanted, std::chrono::nanoseconds time) {
  const auto known = static_cast<std::uint32_t>(reading_.now.size());
  const std::uint32_t ids = std::max(known, std::min(wanted.ids, ids_most_));
  reading_.values.resize(std::size_t{2} * ids);
  reading_.now.resize(ids);
  step_.resize(ids);
  moved_ = wanted.step ? 0 : moved_;
  if (batch_) {
    read_values(ids);
  }
  if (!batch_) {
    read_in_turn(wanted, time);
    return;
  }
  for (std::uint32_t id = 0; id < ids; ++id) {
    take(id, wanted.now_ns, wanted.step);
  }
}

void CounterReader::read_values(std::uint32_t ids) {
  if (ids == 0) {
    return;
  }
  std::uint32_t count = 2 * ids;
  std::uint32_t position = 0;
  keys_.resize(count);
  if (bpf_map_lookup_batch(counters_.get(), nullptr, &position, keys_.data(), reading_.values.data(), &count,
                           nullptr) != 0 &&
      errno != ENOENT) {  // ENOENT: the batch reached the map's end
    batch_ = false;       // maps on the card have no batches
  }
}

void CounterReader::read_in_turn(const Wanted& wanted, std::chrono::nanoseconds time) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + time;
  const auto ids = static_cast<std::uint32_t>(reading_.now.size());
  std::uint32_t read = 0;
  const auto next = [&](std::uint32_t id) {
    read_element(id);
    take(id, wanted.now_ns, wanted.step);
    return ++read % kLooksAtClock != 0 || Clock::now() < end;
  };
  // Half of the time is for these: the others must have their turn, too.
  const Clock::time_point half = Clock::now() + time / 2;
  std::uint32_t looked = 0;
  for (const std::uint32_t id : wanted.first) {
    if (id < ids && (!next(id) || (++looked % kLooksAtClock == 0 && Clock::now() >= half))) {
      break;
    }
  }
  for (std::uint32_t left = ids; left != 0; --left) {
    next_ = next_ < ids ? next_ : 0;
    const std::uint32_t id = next_++;
    if (!next(id)) {
      break;
    }
  }
}

void CounterReader::read_element(std::uint32_t id) {
  for (const std::uint32_t half : {0U, 1U}) {
    const std::uint32_t index = 2 * id + half;
    // ENOENT: on the card, an element that nobody has written yet.
    if (bpf_map_lookup_elem(counters_.get(), &index, &reading_.values[index]) != 0 && errno != ENOENT) {
      throw SystemError(errno, "reading entry " + std::to_string(index) + " of map " + map_name(MapRole::counters));
    }
  }
}

void CounterReader::take(std::uint32_t id, TimestampNs now_ns, bool step) {
  CounterReading::Sum sum{0, 0, now_ns};
  for (const std::uint32_t half : {0U, 1U}) {
    const session_counters& value = reading_.values[std::size_t{2} * id + half];
    sum.packets += value.packets[0] + value.packets[1];
    sum.bytes += value.bytes[0] + value.bytes[1];
  }
  CounterReading::Sum& last = reading_.now[id];
  total_.packets += sum.packets - last.packets;
  total_.bytes += sum.bytes - last.bytes;
  total_.read_ns = now_ns;
  last = sum;
  if (step) {
    moved_ += sum.packets != step_[id].packets ? 1 : 0;
    if (step_[id].read_ns != 0) {
      if (reading_.before.size() <= id) {
        reading_.before.resize(std::size_t{id} + 1);
      }
      reading_.before[id] = step_[id];
    }
    step_[id] = sum;
  }
}

}  // namespace nicsentry
