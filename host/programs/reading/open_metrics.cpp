// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/open_metrics.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/user_pins.h"
#include "host/metrics/exposition.h"
#include "host/programs/loaded/situation.h"
#include "host/programs/reading/health_samples.h"
#include "host/programs/reading/metric_samples.h"
#include "host/programs/reading/request.h"

namespace nicsentry::programs {
namespace {

// The copy that is in use first, where a path has two.
std::vector<std::string> pins_of(const Situation& situation, const KnownLoad& load, const PathRecord& path) {
  std::vector<std::string> pins = {path.pin()};
  const std::vector<const PinnedProgram*> copies = copies_of(load, path);
  if (copies.size() == 2) {
    pins.push_back(path.other_pin());
    const bool other = std::any_of(situation.on_hooks.begin(), situation.on_hooks.end(),
                                   [&copies](const OnHook& one) { return one.id == copies[1]->id; });
    if (other) {
      std::swap(pins[0], pins[1]);
    }
  }
  return pins;
}

std::vector<UserMapReader> open_copies(const std::vector<std::filesystem::path>& maps, const std::string& map,
                                       const std::string& name) {
  std::vector<UserMapReader> readers;
  const std::string what = map + " of program " + name;
  for (const std::filesystem::path& directory : maps) {
    if (std::filesystem::exists(directory / map)) {
      readers.push_back(UserMapReader::open(directory / map, what));
    }
  }
  return readers;
}

void open_path(std::vector<Scraped>& all, const UserPins& pins, const std::string& name, const Situation& situation,
               const KnownLoad& load, const PathRecord& path, const ReadRequest& request) {
  const std::string types = pins.types(name, load.pins.number, path.pin());
  const std::vector<std::string> copies = pins_of(situation, load, path);
  std::vector<std::filesystem::path> maps;
  maps.reserve(copies.size());
  for (const std::string& copy : copies) {
    maps.push_back(pins.maps_directory(name, load.pins.number, copy));
  }
  const auto reads = ReadStatisticsMap::open(pins.reads(name, load.pins.number, path.pin()));
  const std::vector<MetricConfig> metrics = metrics_of(path);
  for (std::uint32_t i = 0; i < metrics.size(); ++i) {
    const auto map = std::find_if(path.maps.begin(), path.maps.end(),
                                  [&metrics, i](const UserMap& one) { return one.name == metrics[i].map; });
    if (!is_wanted(metrics[i], request) || map == path.maps.end()) {
      continue;
    }
    all.push_back({path.pin(), metrics[i], *map,
                   layout_of_map(std::as_bytes(std::span(types)), map->name, map->key_bytes, map->value_bytes),
                   open_copies(maps, map->name, name),
                   LastReadings::open(pins.last_readings(name, load.pins.number, copies.front(), map->name)),
                   UserTotals::open(pins.totals(name, load.pins.number, path.pin(), std::to_string(i))),
                   reads ? reads->get(i) : ReadStatistics()});
  }
}

MetricHealth scrape(Exposition& exposition, const std::string& name, const Scraped& scraped, std::size_t series_most) {
  MetricHealth health;
  const auto began = std::chrono::steady_clock::now();
  health.failed = scraped.readers.empty();
  if (!health.failed && !is_queue_map(scraped.map.type)) {
    try {
      if (scraped.metric.open_metrics) {
        const WrittenMetric written = write_metric(exposition, name, scraped, series_most);
        health.entries = written.entries;
        health.left_out = written.left_out;
      } else {
        health.entries = scraped.readers.front().read().entries;
      }
    } catch (const Error&) {  // the others can be read, and a series says it
      health.failed = true;
    }
  }
  health.scrape_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return health;
}

}  // namespace

void write_open_metrics(Exposition& exposition, const std::string& monitor, const ReadRequest& request,
                        std::size_t series_most) {
  const UniqueFd lock = UserPins::lock_readers(monitor);  // a read that takes and adds up is seen whole
  std::vector<Scraped> all;
  {
    const UserPins pins = UserPins::open();
    const Situation situation = look_at(pins, monitor);
    const KnownLoad& load = load_of(situation, monitor);
    check_request(monitor, *load.record, request);
    for (const PathRecord& path : load.record->paths) {
      if (is_wanted(path, request.direction)) {
        open_path(all, pins, monitor, situation, load, path, request);
      }
    }
  }
  MetricsHealth health;
  for (const Scraped& one : all) {
    health.emplace_back(&one, scrape(exposition, monitor, one, series_most));
  }
  write_health(exposition, monitor, health);
}

std::string open_metrics_text(const std::string& monitor, const ReadRequest& request, std::size_t series_most) {
  Exposition exposition;
  write_open_metrics(exposition, monitor, request, series_most);
  return exposition.text();
}

}  // namespace nicsentry::programs
