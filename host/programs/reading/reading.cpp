// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/reading.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <map>
#include <thread>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/last_readings.h"
#include "host/datapath/quiescence.h"
#include "host/datapath/user_pins.h"
#include "host/datapath/user_totals.h"
#include "host/programs/loaded/situation.h"
#include "host/programs/reading/differences.h"
#include "host/programs/reading/request.h"
#include "host/programs/reading/totals.h"
#include "host/programs/reading/windows.h"

namespace nicsentry::programs {
namespace {

// Far above the time that a packet takes on a card (docs/decisions/0016-quiescence-by-membarrier.md).
constexpr std::chrono::milliseconds kCardTime{2};

// A metric and its open map.
struct OpenMetric {
  bool egress = false;
  MetricConfig metric;
  UserMap map;
  MapLayout layout;
  bool closed = false;  // the map is that of a closed window
  bool take = false;    // the read empties the map
  UserMapReader reader;
  bool on_card = false;
  std::optional<LastReadings> last;  // of a map on a card: a read takes the difference
  std::uint32_t place = 0;           // among its path's metrics
  std::optional<UserTotals> totals;  // of what reads take
  std::optional<ReadStatisticsMap> reads;
};

// One read of a load's metrics.
class MetricsRead {
 public:
  MetricsRead(const std::string& name, const ReadRequest& request)
      : name_(name), request_(request), lock_(UserPins::lock_readers(name)) {
    const UserPins pins = UserPins::open();
    const Situation situation = look_at(pins, name);
    const KnownLoad& load = load_of(situation, name);
    check_request(name, *load.record, request);
    const ClosedWindows& windows = windows_.emplace(pins, name, situation, load, [&](const PathRecord& path) {
      return is_wanted(path, request_.direction) && swaps(pins, load, path);
    });
    for (const PathRecord& path : load.record->paths) {
      open_path(pins, load, path, windows);
    }
  }

  std::vector<MetricReading> take() {
    if (windows_->any()) {
      wait_for_running_programs();
      const bool card =
          std::any_of(metrics_.begin(), metrics_.end(), [](const OpenMetric& one) { return one.on_card; });
      std::this_thread::sleep_for(card ? kCardTime : kCardTime.zero());
    }
    std::vector<MetricReading> readings;
    readings.reserve(metrics_.size());
    std::map<std::uint32_t, std::shared_ptr<const MapContent>> contents;  // by map: two metrics can name one
    for (OpenMetric& one : metrics_) {
      MetricReading reading;
      reading.egress = one.egress;
      reading.timestamp_ns = clock_ns(CLOCK_REALTIME);
      reading.monotonic_offset_ns = reading.timestamp_ns - clock_ns(CLOCK_MONOTONIC);
      reading.content = content_of(one, contents[one.reader.id()]);
      reading.metric = std::move(one.metric);
      reading.map = std::move(one.map);
      reading.layout = std::move(one.layout);
      readings.push_back(std::move(reading));
    }
    if (windows_->any()) {
      windows_->done();
    }
    return readings;
  }

 private:
  static std::int64_t clock_ns(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }

  // Reads a map, unless another metric of this read has done so, and notes what it took.
  std::shared_ptr<const MapContent> content_of(const OpenMetric& one,
                                               std::shared_ptr<const MapContent>& content) const {
    ReadStatistics statistics = one.reads ? one.reads->get(one.place) : ReadStatistics();
    const auto began = std::chrono::steady_clock::now();
    ++statistics.reads;
    try {
      const bool take = takes(one.reader.id());
      if (content == nullptr) {
        content = std::make_shared<MapContent>(take ? taken(one) : one.reader.read());
        count_on_others(one.reader.id(), take, *content);
      }
      statistics.entries += content->entries;
      if (one.totals && take) {
        statistics.left_out += add_to_totals(*one.totals, one.layout, *content);
      }
    } catch (const Error&) {
      ++statistics.errors;
      note(one, statistics, began);
      throw;
    }
    note(one, statistics, began);
    return content;
  }

  static MapContent taken(const OpenMetric& one) {
    if (one.last) {
      return take_difference(*one.last, one.layout.value, one.reader.read());
    }
    return one.closed ? one.reader.take_unused() : one.reader.take();
  }

  // A metric that this read is not for counts on as well, if it counts what is taken out of the same map.
  void count_on_others(std::uint32_t map, bool take, const MapContent& content) const {
    for (const OpenMetric& one : others_) {
      if (!take || one.reader.id() != map) {
        continue;
      }
      const std::uint64_t left_out = add_to_totals(*one.totals, one.layout, content);
      if (left_out != 0 && one.reads) {
        ReadStatistics statistics = one.reads->get(one.place);
        statistics.left_out += left_out;
        one.reads->set(one.place, statistics);
      }
    }
  }

  static void note(const OpenMetric& one, ReadStatistics& statistics, std::chrono::steady_clock::time_point began) {
    const std::chrono::nanoseconds taken = std::chrono::steady_clock::now() - began;
    statistics.nanoseconds += static_cast<std::uint64_t>(taken.count());
    if (one.reads) {
      one.reads->set(one.place, statistics);
    }
  }

  // Whether a path's map has a second copy.
  bool is_swapped(const UserPins& pins, const KnownLoad& load, const PathRecord& path, const std::string& map) const {
    return std::filesystem::exists(pins.maps_directory(name_, load.pins.number, path.other_pin()) / map);
  }

  bool swaps(const UserPins& pins, const KnownLoad& load, const PathRecord& path) const {
    const std::vector<MetricConfig> metrics = metrics_of(path);
    return std::any_of(metrics.begin(), metrics.end(), [&](const MetricConfig& one) {
      return is_wanted(one, request_) && is_swapped(pins, load, path, one.map);
    });
  }

  bool takes(std::uint32_t map) const {
    return std::any_of(metrics_.begin(), metrics_.end(),
                       [map](const OpenMetric& one) { return one.reader.id() == map && one.take; });
  }

  void open_path(const UserPins& pins, const KnownLoad& load, const PathRecord& path, const ClosedWindows& windows) {
    const std::string types = pins.types(name_, load.pins.number, path.pin());
    std::uint32_t place = 0;
    for (MetricConfig& metric : metrics_of(path)) {
      const bool wanted = is_wanted(path, request_.direction) && is_wanted(metric, request_);
      auto totals = UserTotals::open(pins.totals(name_, load.pins.number, path.pin(), std::to_string(place)));
      if (wanted || totals) {
        OpenMetric opened = open_metric(pins, load, path, types, windows, std::move(metric));
        opened.place = place;
        opened.totals = std::move(totals);
        opened.reads = ReadStatisticsMap::open(pins.reads(name_, load.pins.number, path.pin()));
        (wanted ? metrics_ : others_).push_back(std::move(opened));
      }
      ++place;
    }
  }

  OpenMetric open_metric(const UserPins& pins, const KnownLoad& load, const PathRecord& path, const std::string& types,
                         const ClosedWindows& windows, MetricConfig metric) const {
    const auto found = std::find_if(path.maps.begin(), path.maps.end(),
                                    [&metric](const UserMap& one) { return one.name == metric.map; });
    if (found == path.maps.end()) {
      throw Error("program " + name_ + ", metric " + metric.name + ": there is no map " + metric.map);
    }
    const UserMap& map = *found;
    const bool closed = windows.pin_of(path.egress) && is_swapped(pins, load, path, map.name);
    const std::string copy = closed ? *windows.pin_of(path.egress) : path.pin();
    const std::filesystem::path maps = pins.maps_directory(name_, load.pins.number, copy);
    const bool take = closed || metric.empty_on_read;
    return {path.egress,
            std::move(metric),
            map,
            layout_of_map(std::as_bytes(std::span(types)), map.name, map.key_bytes, map.value_bytes),
            closed,
            take,
            UserMapReader::open(maps / map.name, map.name + " of program " + name_),
            path.mode == Mode::hw,
            LastReadings::open(pins.last_readings(name_, load.pins.number, copy, map.name)),
            0,
            std::nullopt,
            std::nullopt};
  }

  std::string name_;
  ReadRequest request_;
  UniqueFd lock_;
  std::optional<ClosedWindows> windows_;
  std::vector<OpenMetric> metrics_;
  std::vector<OpenMetric> others_;  // that are not asked for, and have totals
};

}  // namespace

std::vector<MetricReading> read_metrics(const std::string& monitor, const ReadRequest& request) {
  return MetricsRead(monitor, request).take();
}

}  // namespace nicsentry::programs
