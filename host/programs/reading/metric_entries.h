// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "host/datapath/last_readings.h"
#include "host/datapath/user_map.h"
#include "host/datapath/user_totals.h"
#include "host/programs/monitor/monitor.h"
#include "host/programs/values/layout.h"
#include "host/programs/values/numbers.h"
#include "host/programs/values/value_json.h"

namespace nicsentry::programs {

// A metric, the map or both copies of it, and what is known of its reads.
struct Scraped {
  const char* direction = "";
  MetricConfig metric;
  UserMap map;
  MapLayout layout;
  std::vector<UserMapReader> readers;  // the copy that is in use first; none where somebody removed the pins
  std::optional<LastReadings> last;    // of the first one, on a card: what it holds counts from there
  std::optional<UserTotals> totals;
  ReadStatistics statistics;
};

struct Figure {
  WideUnsigned integer = 0;
  double real = 0;
};

// The entries of a metric: of its map, of both copies, and of the totals, by key. Those of the lowest keys, so that a
// scrape has those of the scrape before.
class MetricEntries {
 public:
  // As many as give `most` series, and one at least. Throws SystemError.
  MetricEntries(const Scraped& scraped, std::size_t most);
  MetricEntries(const MetricEntries&) = delete;
  MetricEntries& operator=(const MetricEntries&) = delete;

  std::size_t size() const { return keys_.size(); }
  std::size_t left_out() const { return left_out_; }
  std::size_t in_use() const { return contents_.front().entries; }  // of the map
  const std::byte* key(std::size_t entry) const { return reinterpret_cast<const std::byte*>(keys_[entry].data()); }
  const std::vector<NumberPart>& parts() const { return parts_; }
  const Figure& figure(std::size_t entry, std::size_t part) const { return figures_[entry * parts_.size() + part]; }

 private:
  std::span<const std::byte> taken_key(std::size_t i) const;
  std::size_t taken_entries() const;
  void choose_keys(std::size_t most);
  Figure* figures_of(std::string_view key);
  void add_contents();
  void add_value(Figure* figures, const ValueView& value) const;
  void add_taken();

  std::vector<NumberPart> parts_;
  std::vector<MapContent> contents_;
  UserTotals::Content taken_;
  std::vector<std::string_view> keys_;  // within contents_ and taken_
  std::size_t left_out_ = 0;
  std::vector<Figure> figures_;
};

}  // namespace nicsentry::programs
