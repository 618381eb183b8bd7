// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/programs_run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <optional>
#include <utility>

#include "host/api/client/controller.h"
#include "host/base/error.h"
#include "host/datapath/interface.h"
#include "host/datapath/user_map.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

using programs::LoadedMonitor;

constexpr ClientLimits kLookLimits{std::chrono::seconds(1), std::chrono::seconds(6)};

// Empty where no run has the port, or where it does not listen yet.
std::string socket_of_run(const Interface& port) {
  const auto found = read_port_record(port);
  return found && found->running ? found->record.socket : "";
}

// The result of `ask` on a run; nothing for one that does not answer, or that is older than this request.
template <typename Ask>
auto asked(const std::string& socket, Ask ask) -> std::optional<decltype(ask(std::declval<const Controller&>()))> {
  try {
    return ask(Controller(socket, kLookLimits));
  } catch (const Unavailable&) {
    return std::nullopt;
  } catch (const OtherVersion&) {
    return std::nullopt;
  }
}

// The sockets of all runs with ports in this network namespace.
std::vector<std::string> sockets_of_runs() {
  std::vector<std::string> sockets;
  for (const Interface& port : list_interfaces()) {
    std::string socket = socket_of_run(port);
    if (!socket.empty() && std::find(sockets.begin(), sockets.end(), socket) == sockets.end()) {
      sockets.push_back(std::move(socket));
    }
  }
  return sockets;
}

// A program that a run has on one of its ports.
struct ProgramOfRun {
  std::string socket;
  LoadedMonitor program;
};

std::optional<ProgramOfRun> program_of_run(const std::string& name) {
  if (name.empty()) {  // the path of its resource would be that of the list
    return std::nullopt;
  }
  for (const std::string& socket : sockets_of_runs()) {
    try {
      if (auto found = asked(socket, [&name](const Controller& run) { return run.program(name); })) {
        return ProgramOfRun{socket, std::move(*found)};
      }
    } catch (const NotFound&) {  // NOLINT(bugprone-empty-catch): another run may have it, or this process
    }
  }
  return std::nullopt;
}

}  // namespace

programs::LoadResult load_program(const programs::Monitor& monitor, const programs::LoadRequest& request) {
  programs::check_program_name(request.name);
  const std::string socket = socket_of_run(find_port(request.interface));
  const auto loaded =
      socket.empty() ? std::nullopt : asked(socket, [](const Controller& run) { return run.programs().programs; });
  if (!loaded) {
    return programs::load_monitor(monitor, request);
  }
  const auto former = std::find_if(loaded->begin(), loaded->end(),
                                   [&request](const LoadedMonitor& one) { return one.name == request.name; });
  std::vector<programs::CompiledPath> paths =
      programs::compile_for(monitor, request, former != loaded->end() ? programs::ingress_mode(*former) : std::nullopt);
  std::string warnings;
  for (const programs::CompiledPath& path : paths) {
    warnings += path.warnings;
  }
  programs::LoadResult result = Controller(socket).load_program({request, std::move(paths)});
  result.warnings = warnings + result.warnings;
  return result;
}

std::vector<LoadedMonitor> list_programs() {
  std::vector<LoadedMonitor> all;
  bool any_run = false;
  for (const std::string& socket : sockets_of_runs()) {
    if (auto of_run = asked(socket, [](const Controller& run) { return run.programs().programs; })) {
      any_run = true;
      std::move(of_run->begin(), of_run->end(), std::back_inserter(all));
    }
  }
  try {
    for (LoadedMonitor& monitor : programs::list_monitors()) {
      if (std::none_of(all.begin(), all.end(), [&](const auto& one) { return one.maps == monitor.maps; })) {
        all.push_back(std::move(monitor));
      }
    }
  } catch (const Error& error) {
    if (!any_run) {
      throw;
    }
    std::fprintf(stderr, "programs on ports without a run are not listed: %s\n", error.what());
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& one, const auto& two) { return one.name < two.name; });
  return all;
}

LoadedMonitor find_program(const std::string& name) {
  auto found = program_of_run(name);
  return found ? std::move(found->program) : programs::find_monitor(name);
}

void unload_program(const std::string& name) {
  if (const auto found = program_of_run(name)) {
    Controller(found->socket).unload_program(name);
  } else {
    programs::unload_monitor(name);
  }
}

std::string read_program(const std::string& name, const ProgramQuery& query) {
  const auto found = program_of_run(name);
  const bool by_run = found && !why_not_read_by_run(found->program, query.request, possible_processors());
  std::string text = by_run ? Controller(found->socket).read_program(name, query) : read_program_text(name, query);
  if (query.format == ProgramQuery::Format::as_json) {
    text += '\n';
  }
  return text;
}

}  // namespace nicsentry
