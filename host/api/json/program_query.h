// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "host/programs/loaded/loaded.h"
#include "host/programs/reading/metrics_json.h"
#include "host/programs/reading/open_metrics.h"
#include "host/programs/reading/reading.h"

namespace nicsentry {

// A client's choice of metrics and of their format: "?metric=SESSIONS&direction=ingress&format=json&...".
struct ProgramQuery {
  enum class Format { as_json, openmetrics, table };

  programs::ReadRequest request;
  Format format = Format::as_json;
  programs::JsonStyle style;                      // not of openmetrics
  std::size_t series = programs::kSeriesDefault;  // of openmetrics
};

// Reads a program's metrics in this process, as the query has them. Throws as programs::read_metrics() does.
std::string read_program_text(const std::string& name, const ProgramQuery& query);

// The content of maps that a run reads in its own process, as it has a firewall to enforce.
constexpr std::uint64_t kReadByRunMost = 64UL << 20U;

// Why a run leaves a read of its program's metrics to the command; nothing where it reads them. The words name the
// largest map. `processors`: those for which per-CPU maps have values.
std::optional<std::string> why_not_read_by_run(const programs::LoadedMonitor& program,
                                               const programs::ReadRequest& request, std::uint32_t processors);

// With "?", or empty.
std::string query_text(const ProgramQuery& query);
// Throws BadRequest for an unknown name and for a wrong value.
ProgramQuery parse_program_query(const std::map<std::string, std::string>& query);

// The words of a command line, too. Throw BadRequest.
programs::Direction parse_program_direction(const std::string& word);
ProgramQuery::Format parse_program_format(const std::string& word);

}  // namespace nicsentry
