// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/user_programs_status.h"
#include "host/cli/log.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/tc_filters.h"
#include "host/datapath/user_pins.h"
#include "host/datapath/xdp_dispatcher.h"

namespace nicsentry {
namespace {

std::uint32_t tc_priority_of(const Interface& port, Hook hook, std::uint32_t program_id) {
  for (const TcFilter& filter : list_tc_filters(port.index, hook)) {
    if (filter.program_id == program_id) {
      return filter.priority;
    }
  }
  return 0;
}

// Packets that come in meet the card first, then XDP, then TC by priority; those that go out meet TC alone.
std::string place_beside(const Interface& port, const programs::LoadedPath& path, const AttachmentStatus& ours) {
  const Hook hook = path.hook();
  if (path.program_id == ours.program.id) {
    return "within";
  }
  if ((path.mode == Mode::hw) != (ours.mode == Mode::hw)) {
    return path.mode == Mode::hw ? "in front" : "behind";
  }
  if (hook == ours.hook) {
    const std::uint32_t of_ours = hook == Hook::xdp ? dispatcher_priority(port, ours.program.id).value_or(0)
                                                    : tc_priority_of(port, hook, ours.program.id);
    return of_ours < path.priority ? "behind" : "in front";
  }
  if (ours.hook == Hook::xdp && hook != Hook::tc_egress) {
    return "behind";
  }
  return hook == Hook::xdp && ours.hook == Hook::tc_ingress ? "in front" : "";
}

}  // namespace

std::vector<programs::LoadedMonitor> loaded_monitors_here() {
  std::vector<programs::LoadedMonitor> here;
  if (!UserPins::any()) {
    return here;
  }
  try {
    for (programs::LoadedMonitor& monitor : programs::list_monitors()) {
      if (monitor.here) {
        here.push_back(std::move(monitor));
      }
    }
  } catch (const Error& error) {  // what else is attached can be told
    log_warning(std::string("programs of your own: ") + error.what());
  }
  return here;
}

void add_reported_programs(std::vector<programs::LoadedMonitor>& monitors, const std::vector<UserProgram>& reported) {
  const std::size_t known = monitors.size();
  for (const UserProgram& program : reported) {
    const auto end = monitors.begin() + static_cast<std::ptrdiff_t>(known);
    if (std::any_of(monitors.begin(), end, [&](const auto& one) { return one.name == program.name; })) {
      continue;
    }
    programs::LoadedPath path;
    path.egress = program.hook == hook_name(Hook::tc_egress);
    path.title = program.program;
    path.mode = parse_mode(program.mode);
    path.program_id = program.program_id;
    path.attached = true;
    path.priority = program.priority;
    programs::LoadedMonitor monitor;
    monitor.name = program.name;
    monitor.interface = program.interface;
    monitor.paths.push_back(std::move(path));
    monitors.push_back(std::move(monitor));
  }
}

std::vector<UserProgramStatus> user_programs_on(const Interface& port,
                                                const std::vector<programs::LoadedMonitor>& monitors,
                                                const std::vector<AttachmentStatus>& attachments) {
  std::vector<UserProgramStatus> found;
  for (const programs::LoadedMonitor& monitor : monitors) {
    for (const programs::LoadedPath& path : monitor.paths) {
      if (monitor.interface != port.name || !path.attached) {
        continue;
      }
      UserProgramStatus status{monitor.name, port.name, path, ""};
      for (const AttachmentStatus& attachment : attachments) {
        if (attachment.program.identity.ours() && status.place.empty()) {
          status.place = place_beside(port, path, attachment);
        }
      }
      found.push_back(std::move(status));
    }
  }
  return found;
}

std::string user_program_line(const UserProgramStatus& status) {
  const programs::LoadedPath& path = status.path;
  return status.interface + "  " + hook_name(path.hook()) + ", mode " + mode_name(path.mode) + ": '" +
         status.loaded_as + "' of your own (id " + std::to_string(path.program_id) + ")" +
         (path.priority != 0 ? ", priority " + std::to_string(path.priority) : "") +
         (status.place == "behind"     ? ", behind nicsentry's program"
          : status.place == "in front" ? ", in front of nicsentry's program"
          : status.place == "within"   ? ", called by nicsentry's program"
                                       : "") +
         "\n";
}

nlohmann::ordered_json user_program_json(const UserProgramStatus& status) {
  const programs::LoadedPath& path = status.path;
  nlohmann::ordered_json row{{"interface", status.interface},  {"hook", hook_name(path.hook())},
                             {"mode", mode_name(path.mode)},   {"program", path.title},
                             {"program_id", path.program_id},  {"ours", false},
                             {"attached_by", "programs load"}, {"controller_pid", 0},
                             {"loaded_as", status.loaded_as}};
  if (path.priority != 0) {
    row["priority"] = path.priority;
  }
  row["place"] = status.place.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(status.place);
  return row;
}

}  // namespace nicsentry
