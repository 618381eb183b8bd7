// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/reading.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/quiescence.h"
#include "host/datapath/user_pins.h"
#include "host/programs/loaded/situation.h"
#include "host/programs/reading/windows.h"

namespace nicsentry::programs {
namespace {

// A metric and its open map.
struct OpenMetric {
  bool egress = false;
  MetricConfig metric;
  UserMap map;
  MapLayout layout;
  bool take = false;  // the read empties the map
  UserMapReader reader;
};

bool is_wanted(const PathRecord& path, Direction direction) {
  return direction == Direction::both || path.egress == (direction == Direction::egress);
}

std::string names_of(const LoadRecord& record, Direction direction) {
  std::string names;
  for (const PathRecord& path : record.paths) {
    for (const MetricConfig& metric : is_wanted(path, direction) ? metrics_of(path) : std::vector<MetricConfig>()) {
      names += (names.empty() ? "" : ", ") + metric.name + " (" + path.pin() + ")";
    }
  }
  return names.empty() ? "none" : names;
}

bool is_wanted(const MetricConfig& metric, const ReadRequest& request) {
  return !request.metric || metric.name == *request.metric;
}

void check_request(const std::string& name, const LoadRecord& record, const ReadRequest& request) {
  bool path_found = false;
  bool metric_found = false;
  for (const PathRecord& path : record.paths) {
    if (is_wanted(path, request.direction)) {
      path_found = true;
      const std::vector<MetricConfig> metrics = metrics_of(path);
      metric_found = metric_found || !request.metric ||
                     std::any_of(metrics.begin(), metrics.end(),
                                 [&request](const MetricConfig& one) { return is_wanted(one, request); });
    }
  }
  if (!path_found) {
    throw NotFound("program " + name + " has no " + (request.direction == Direction::egress ? "egress" : "ingress") +
                   " path");
  }
  if (!metric_found) {
    throw NotFound("program " + name + " has no metric " + *request.metric +
                   "; there are: " + names_of(record, request.direction));
  }
}

// The load that is on the hooks; after an interruption the newest such one.
const KnownLoad& load_of(const Situation& situation, const std::string& name) {
  const KnownLoad* found = situation.newest();
  for (const KnownLoad& load : situation.loads) {
    for (const OnHook& one : situation.on_hooks) {
      const auto& programs = load.pins.programs;
      if (load.record && std::any_of(programs.begin(), programs.end(),
                                     [&one](const PinnedProgram& program) { return program.id == one.id; })) {
        found = &load;
      }
    }
  }
  if (found == nullptr) {
    throw NotFound("no program is loaded as " + name);
  }
  return *found;
}

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
      if (is_wanted(path, request.direction)) {
        open_path(pins, load, path, windows);
      }
    }
  }

  std::vector<MetricReading> take() {
    if (windows_->any()) {
      wait_for_running_programs();
    }
    std::vector<MetricReading> readings;
    readings.reserve(metrics_.size());
    std::map<std::uint32_t, std::shared_ptr<const MapContent>> contents;  // by map: two metrics can name one
    for (OpenMetric& one : metrics_) {
      MetricReading reading;
      reading.egress = one.egress;
      reading.timestamp_ns = clock_ns(CLOCK_REALTIME);
      reading.monotonic_offset_ns = reading.timestamp_ns - clock_ns(CLOCK_MONOTONIC);
      std::shared_ptr<const MapContent>& content = contents[one.reader.id()];
      if (content == nullptr) {
        content = std::make_shared<MapContent>(takes(one.reader.id()) ? one.reader.take() : one.reader.read());
      }
      reading.content = content;
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

  // Whether a path's map has a second copy.
  bool is_swapped(const UserPins& pins, const KnownLoad& load, const PathRecord& path, const std::string& map) const {
    return std::filesystem::exists(pins.maps_directory(name_, load.pins.number, std::string(path.pin()) + "-other") /
                                   map);
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
    for (MetricConfig& metric : metrics_of(path)) {
      if (is_wanted(metric, request_)) {
        const auto map = std::find_if(path.maps.begin(), path.maps.end(),
                                      [&metric](const UserMap& one) { return one.name == metric.map; });
        if (map == path.maps.end()) {
          throw Error("program " + name_ + ", metric " + metric.name + ": there is no map " + metric.map);
        }
        open_metric(pins, load, path, types, windows, std::move(metric), *map);
      }
    }
  }

  void open_metric(const UserPins& pins, const KnownLoad& load, const PathRecord& path, const std::string& types,
                   const ClosedWindows& windows, MetricConfig metric, const UserMap& map) {
    const std::filesystem::path maps = pins.maps_directory(name_, load.pins.number, path.pin());
    const bool closed = windows.maps_of(path.egress) && is_swapped(pins, load, path, map.name);
    const std::filesystem::path pin = (closed ? *windows.maps_of(path.egress) : maps) / map.name;
    const bool take = closed || metric.empty_on_read;
    metrics_.push_back({path.egress, std::move(metric), map,
                        layout_of_map(std::as_bytes(std::span(types)), map.name, map.key_bytes, map.value_bytes), take,
                        UserMapReader::open(pin, map.name + " of program " + name_)});
  }

  std::string name_;
  ReadRequest request_;
  UniqueFd lock_;
  std::optional<ClosedWindows> windows_;
  std::vector<OpenMetric> metrics_;
};

}  // namespace

std::vector<MetricConfig> metrics_of(const PathRecord& path) {
  if (!path.metrics.empty()) {
    return path.metrics;
  }
  std::vector<MetricConfig> metrics;
  for (const UserMap& map : path.maps) {
    if (can_read_map(map.type)) {
      MetricConfig metric;
      metric.name = map.name;
      metric.map = map.name;
      metrics.push_back(std::move(metric));
    }
  }
  return metrics;
}

std::vector<MetricReading> read_metrics(const std::string& monitor, const ReadRequest& request) {
  return MetricsRead(monitor, request).take();
}

}  // namespace nicsentry::programs
