// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/health_samples.h"

namespace nicsentry::programs {

void write_health(Exposition& exposition, const std::string& program, const MetricsHealth& all) {
  using MetricType = Exposition::Type;
  const auto write = [&](const char* name, MetricType type, const char* help, auto value) {
    const int family = exposition.family(name, type, help);
    for (const auto& [scraped, health] : all) {
      const std::string text = value(*scraped, health);
      if (!text.empty() && family >= 0) {
        exposition.add(family, type == MetricType::counter ? "_total" : "",
                       {{"program", program},
                        {"direction", scraped->direction},
                        {"metric", scraped->metric.name},
                        {"map", scraped->map.name}},
                       text);
      }
    }
  };
  write("nicsentry_metric_map_entries", MetricType::gauge, "Entries of the metric's map.",
        [](const Scraped&, const MetricHealth& health) {
          return health.entries ? std::to_string(*health.entries) : std::string();
        });
  write("nicsentry_metric_map_max_entries", MetricType::gauge, "Capacity of the metric's map.",
        [](const Scraped& scraped, const MetricHealth&) { return std::to_string(scraped.map.max_entries); });
  write("nicsentry_metric_reads", MetricType::counter, "Reads of the metric since the load, without scrapes.",
        [](const Scraped& scraped, const MetricHealth&) { return std::to_string(scraped.statistics.reads); });
  write("nicsentry_metric_read_errors", MetricType::counter, "Reads of the metric that failed.",
        [](const Scraped& scraped, const MetricHealth&) { return std::to_string(scraped.statistics.errors); });
  write("nicsentry_metric_read_entries", MetricType::counter, "Entries that reads of the metric returned.",
        [](const Scraped& scraped, const MetricHealth&) { return std::to_string(scraped.statistics.entries); });
  write("nicsentry_metric_read_seconds", MetricType::counter, "Time that reads of the metric took.",
        [](const Scraped& scraped, const MetricHealth&) {
          return canonical_number(static_cast<double>(scraped.statistics.nanoseconds) / 1e9);
        });
  write("nicsentry_metric_totals_left_out", MetricType::counter,
        "Entries that reads took and that no series has: there was no room for them.",
        [](const Scraped& scraped, const MetricHealth&) { return std::to_string(scraped.statistics.left_out); });
  write("nicsentry_metric_scrape_seconds", MetricType::gauge, "Time that this scrape of the metric took.",
        [](const Scraped&, const MetricHealth& health) { return canonical_number(health.scrape_seconds); });
  write("nicsentry_metric_scrape_failed", MetricType::gauge, "1 if this scrape could not read the map.",
        [](const Scraped&, const MetricHealth& health) { return std::string(health.failed ? "1" : "0"); });
  write("nicsentry_metric_series_left_out", MetricType::gauge,
        "Entries and series of the metric that this scrape left out.",
        [](const Scraped&, const MetricHealth& health) { return std::to_string(health.left_out); });
}

}  // namespace nicsentry::programs
