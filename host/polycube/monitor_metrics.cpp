// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/monitor_metrics.h"

#include <chrono>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/polycube/answers.h"
#include "host/polycube/settings.h"
#include "host/programs/reading/metrics_json.h"
#include "host/programs/reading/open_metrics.h"
#include "host/programs/reading/reading.h"

namespace nicsentry::polycube {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kIngress = "ingress-metrics";
constexpr const char* kEgress = "egress-metrics";
constexpr std::size_t kDirectionPart = 3;  // "dynmon", its name, "metrics", the direction
constexpr std::size_t kMetricPart = 4;
constexpr std::int64_t kNsPerUs = 1000;
constexpr programs::JsonStyle kAsDynmon{true, false};

Json empty_metrics(const std::optional<programs::PathConfig>& path) {
  Json list = Json::array();
  if (path) {
    for (const programs::MetricConfig& metric : path->metrics) {
      list.push_back({{"name", metric.name}, {"value", Json::array()}, {"timestamp", wall_clock_ns() / kNsPerUs}});
    }
  }
  return list;
}

bool has_path(const programs::Monitor& config, programs::Direction direction) {
  return (direction != programs::Direction::egress && config.ingress) ||
         (direction != programs::Direction::ingress && config.egress);
}

// The reading has all maps of a path that exports none.
bool is_exported(const programs::Monitor& config, const programs::MetricReading& reading) {
  const std::optional<programs::PathConfig>& path = reading.egress ? config.egress : config.ingress;
  return path && !path->metrics.empty();
}

}  // namespace

Response show_metrics(const Call& call, const std::string& monitor, const std::optional<programs::Monitor>& config,
                      bool attached) {
  programs::ReadRequest request;
  if (call.path.size() > kDirectionPart) {
    const std::string& direction = call.path[kDirectionPart];
    if (direction != kIngress && direction != kEgress) {
      throw NotFound("there is no " + direction);
    }
    request.direction = direction == kIngress ? programs::Direction::ingress : programs::Direction::egress;
  }
  if (call.path.size() > kMetricPart) {
    request.metric = call.path[kMetricPart];
  }
  if (!attached || !config || !has_path(*config, request.direction)) {
    const Json none = {{kIngress, config ? empty_metrics(config->ingress) : Json::array()},
                       {kEgress, config ? empty_metrics(config->egress) : Json::array()}};
    return show(call, {{"metrics", none}});
  }
  std::vector<programs::MetricReading> readings = programs::read_metrics(monitor, request);
  std::erase_if(readings, [&config](const auto& one) { return !is_exported(*config, one); });
  if (call.path.size() == kDirectionPart) {
    // A metric can have a million entries: the text is not parsed again for the links.
    std::string text = programs::metrics_json(readings, kAsDynmon);
    text.replace(text.size() - 1, 1, ",\"_links\":" + links_of(call, {kIngress, kEgress}).dump() + "}");
    return with_json_text(std::move(text));
  }
  if (call.path.size() == kMetricPart + 2 && call.path.back() == "value" && readings.size() == 1) {
    return with_json_text(programs::metric_value_json(readings.front(), kAsDynmon));
  }
  return show(call, {{"metrics", Json::parse(programs::metrics_json(readings, kAsDynmon))}});
}

Response show_open_metrics(const Call& call, const std::string& monitor, bool attached) {
  return show(call, {{"open-metrics", attached ? programs::open_metrics_text(monitor, {}) : ""}});
}

}  // namespace nicsentry::polycube
