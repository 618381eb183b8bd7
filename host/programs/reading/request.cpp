// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/request.h"

#include <algorithm>
#include <vector>

#include "host/base/error.h"

namespace nicsentry::programs {
namespace {

std::string names_of(const LoadRecord& record, Direction direction) {
  std::string names;
  for (const PathRecord& path : record.paths) {
    for (const MetricConfig& metric : is_wanted(path, direction) ? metrics_of(path) : std::vector<MetricConfig>()) {
      names += (names.empty() ? "" : ", ") + metric.name + " (" + path.pin() + ")";
    }
  }
  return names.empty() ? "none" : names;
}

}  // namespace

bool is_wanted(const PathRecord& path, Direction direction) {
  return direction == Direction::both || path.egress == (direction == Direction::egress);
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

}  // namespace nicsentry::programs
