// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/program_query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <vector>

#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/datapath/user_map.h"
#include "host/programs/reading/metrics_table.h"

namespace nicsentry {
namespace {

constexpr std::array<const char*, 3> kDirections = {"ingress", "egress", "both"};
constexpr std::array<const char*, 3> kFormats = {"json", "openmetrics", "table"};
constexpr std::size_t kSeriesMost = 10'000'000;

// The place of a word in a list that has the order of an enumeration.
std::size_t place_of(const std::array<const char*, 3>& words, const char* what, const std::string& word) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (word == words.at(i)) {
      return i;
    }
  }
  throw BadRequest(std::string(what) + ": read \"" + word + "\", allowed is " + words[0] + ", " + words[1] + " or " +
                   words[2]);
}

std::size_t parse_series(const std::string& text) {
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number == 0 || number > kSeriesMost) {
    throw BadRequest("series: read \"" + text + "\", allowed is a number from 1 to " + std::to_string(kSeriesMost));
  }
  return number;
}

bool parse_choice(const char* what, const std::string& word, const char* off, const char* on) {
  if (word != off && word != on) {
    throw BadRequest(std::string(what) + ": read \"" + word + "\", allowed is " + off + " or " + on);
  }
  return word == on;
}

bool reads_map(const programs::LoadedPath& path, const UserMap& map, const programs::ReadRequest& request) {
  const bool wanted_path = request.direction == programs::Direction::both ||
                           path.egress == (request.direction == programs::Direction::egress);
  return wanted_path &&
         std::any_of(path.metrics.begin(), path.metrics.end(), [&](const programs::MetricConfig& metric) {
           return metric.map == map.name && (!request.metric || metric.name == *request.metric);
         });
}

std::string mebibytes(std::uint64_t bytes) {
  constexpr std::uint64_t kMebibyte = 1UL << 20U;
  return std::to_string((bytes + kMebibyte - 1) / kMebibyte) + " MiB";
}

}  // namespace

programs::Direction parse_program_direction(const std::string& word) {
  return static_cast<programs::Direction>(place_of(kDirections, "direction", word));
}

ProgramQuery::Format parse_program_format(const std::string& word) {
  return static_cast<ProgramQuery::Format>(place_of(kFormats, "format", word));
}

std::string read_program_text(const std::string& name, const ProgramQuery& query) {
  if (query.format == ProgramQuery::Format::openmetrics) {
    return programs::open_metrics_text(name, query.request, query.series);
  }
  const std::vector<programs::MetricReading> readings = programs::read_metrics(name, query.request);
  return query.format == ProgramQuery::Format::as_json ? programs::metrics_json(readings, query.style)
                                                       : programs::metrics_text(readings, query.style);
}

std::optional<std::string> why_not_read_by_run(const programs::LoadedMonitor& program,
                                               const programs::ReadRequest& request, std::uint32_t processors) {
  std::uint64_t all = 0;
  std::uint64_t most = 0;
  std::string largest;
  for (const programs::LoadedPath& path : program.paths) {
    for (const UserMap& map : path.maps) {
      if (!reads_map(path, map, request)) {
        continue;
      }
      const std::uint64_t bytes = content_bytes_most(map, processors);
      all += bytes;
      if (bytes > most) {
        most = bytes;
        largest = map.name;
      }
    }
  }
  if (all <= kReadByRunMost) {
    return std::nullopt;
  }
  return "program " + program.name + ": the maps of these metrics may hold " + mebibytes(all) + ", of which map " +
         largest + " has " + mebibytes(most) + "; a run reads " + mebibytes(kReadByRunMost) +
         " at most. `nicsentry programs read` reads them by itself";
}

std::string query_text(const ProgramQuery& query) {
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    text += (text.empty() ? "?" : "&") + std::string(name) + "=" + value;
  };
  if (query.request.metric) {
    add("metric", encoded_segment(*query.request.metric));
  }
  if (query.request.direction != programs::Direction::both) {
    add("direction", kDirections.at(static_cast<std::size_t>(query.request.direction)));
  }
  if (query.format != ProgramQuery::Format::as_json) {
    add("format", kFormats.at(static_cast<std::size_t>(query.format)));
  }
  if (query.style.add_processors) {
    add("cpus", "sum");
  }
  if (query.style.raw) {
    add("raw", "true");
  }
  if (query.series != programs::kSeriesDefault) {
    add("series", std::to_string(query.series));
  }
  return text;
}

ProgramQuery parse_program_query(const std::map<std::string, std::string>& query) {
  ProgramQuery parsed;
  for (const auto& [name, value] : query) {
    if (name == "metric") {
      parsed.request.metric = value;
    } else if (name == "direction") {
      parsed.request.direction = parse_program_direction(value);
    } else if (name == "format") {
      parsed.format = parse_program_format(value);
    } else if (name == "cpus") {
      parsed.style.add_processors = parse_choice("cpus", value, "list", "sum");
    } else if (name == "raw") {
      parsed.style.raw = parse_choice("raw", value, "false", "true");
    } else if (name == "series") {
      parsed.series = parse_series(value);
    } else {
      throw BadRequest("query: '" + name + "' is unknown; allowed is metric, direction, format, cpus, raw and series");
    }
  }
  return parsed;
}

}  // namespace nicsentry
