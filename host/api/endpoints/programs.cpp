// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/programs.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "host/api/json/program_query.h"
#include "host/api/json/programs_json.h"
#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/datapath/user_map.h"
#include "host/datapath/user_pins.h"

namespace nicsentry {
namespace {

using programs::LoadedMonitor;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

ProgramsAnswer list(const RunPrograms& run) {
  ProgramsAnswer answer;
  if (!UserPins::any()) {
    return answer;
  }
  const std::vector<std::string> ports = run.ports();
  for (LoadedMonitor& monitor : programs::list_monitors()) {
    if (monitor.here && contains(ports, monitor.interface)) {
      answer.programs.push_back(std::move(monitor));
    }
  }
  return answer;
}

// Throws NotFound for what is loaded on a port of somebody else's, too.
LoadedMonitor find(const RunPrograms& run, const std::string& name) {
  const auto missing = [&name] { return NotFound("no program is loaded as " + name + " on a port of this run"); };
  if (!UserPins::any() || !UserPins::is_name(name)) {
    throw missing();
  }
  LoadedMonitor monitor = programs::find_monitor(name);
  if (!monitor.here || !contains(run.ports(), monitor.interface)) {
    throw missing();
  }
  return monitor;
}

// A fault of a program is its sender's.
std::vector<programs::VerifiedPath> verified(std::vector<programs::CompiledPath> paths,
                                             const std::optional<programs::CardTarget>& card) {
  try {
    return programs::verify(std::move(paths), card);
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    throw BadRequest(error.what());
  }
}

void refuse_in_place_of_part(const std::string& name) {
  for (const LoadedMonitor& monitor : UserPins::any() ? programs::list_monitors() : std::vector<LoadedMonitor>()) {
    if (monitor.name == name) {
      programs::refuse_under_run(monitor, getpid());
    }
  }
}

programs::LoadResult load(const RunPrograms& run, ProgramLoadRequest request) {
  const std::string& interface = request.load.interface;
  programs::check_program_name(request.load.name);
  if (!contains(run.ports(), interface)) {
    throw Conflict("interface: " + interface + " is not a port of this run");
  }
  refuse_in_place_of_part(request.load.name);
  const std::vector<programs::VerifiedPath> paths =
      verified(std::move(request.paths), programs::card_target(request.load));
  programs::LoadResult result = programs::load_verified(paths, request.load);
  run.changed((result.replaced ? "replaced " : "loaded ") + request.load.name + " on " + interface);
  return result;
}

Response metrics(const std::string& name, const ProgramQuery& query) {
  Response response;
  response.body = read_program_text(name, query);
  if (query.format == ProgramQuery::Format::openmetrics) {
    response.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  } else if (query.format == ProgramQuery::Format::table) {
    response.content_type = "text/plain; charset=utf-8";
  }
  return response;
}

}  // namespace

void add_programs_routes(Router& router, const RunPrograms& run) {
  router.add("GET", resource::kPrograms, Lane::slow, [run](const Request&) { return encode(list(run)); });
  router.add("POST", resource::kPrograms, Lane::slow,
             [run](const Request& request) { return encode(load(run, decode<ProgramLoadRequest>(request.body))); });
  router.add("GET", resource::kProgram, Lane::slow,
             [run](const Request& request) { return encode(find(run, request.captures.at("name"))); });
  router.add("DELETE", resource::kProgram, Lane::slow, [run](const Request& request) {
    const std::string& name = request.captures.at("name");
    refuse_fields(request.body);
    const LoadedMonitor monitor = find(run, name);
    programs::refuse_under_run(monitor, getpid());
    programs::unload_monitor(name);
    run.changed("unloaded " + name + " from " + monitor.interface);
    return encode(ProgramUnloaded{name});
  });
  router.add_raw(
      "GET", resource::kProgramMetrics, Lane::slow,
      [run](const Request& request) {
        const std::string& name = request.captures.at("name");
        const ProgramQuery query = parse_program_query(request.query);
        if (const auto why = why_not_read_by_run(find(run, name), query.request, possible_processors())) {
          throw Conflict(*why);
        }
        return metrics(name, query);
      },
      Access::admin);  // a read may empty maps
}

}  // namespace nicsentry
