// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/loaded/loaded.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/pins.h"
#include "host/datapath/port_lease.h"
#include "host/programs/loaded/situation.h"

namespace nicsentry::programs {
namespace {

void find_on_hooks(Situation& situation, const KnownLoad& load) {
  const std::optional<Interface> port = interface_of(*load.record);
  for (const PathRecord& path : load.record->paths) {
    for (const PinnedProgram* program : port ? copies_of(load, path) : std::vector<const PinnedProgram*>()) {
      if (const auto place = find_user_program(*port, path.hook(), program->id)) {
        situation.on_hooks.push_back({path, program->id, program->fd.get(), *place});
      }
    }
  }
}

Conflict part_of_run(const std::string& name, const std::string& with, const std::string& port, std::uint32_t pid) {
  return Conflict(name + " is part of the program '" + with + "' on " + port + ", which a run drives, process " +
                  std::to_string(pid) + "; end the run first");
}

// A run that died has pinned the program as one of its own.
void unpin_own(const Interface& port, const PathRecord& path) {
  std::string why_not;
  if (const auto pins = path.with.empty() ? std::nullopt : PinDirectory::open(why_not)) {
    pins->unpin(port, Hook::xdp);
  }
}

LoadedPath describe(const Situation& situation, const KnownLoad& load, const PathRecord& path) {
  const std::vector<const PinnedProgram*> copies = copies_of(load, path);
  LoadedPath made{path.egress, path.title,    path.mode, copies.empty() ? 0 : copies.front()->id,
                  false,       path.priority, path.maps, path.metrics,
                  path.with,   std::nullopt};
  if (path.mode == Mode::hw && !copies.empty()) {
    made.instructions = card_instructions(copies.front()->fd.get());
  }
  for (const PinnedProgram* copy : copies) {
    for (const OnHook& one : situation.on_hooks) {
      if (one.id == copy->id) {
        made.attached = true;
        made.program_id = one.place.running;
        made.priority = one.place.priority;
      }
    }
  }
  return made;
}

std::vector<LoadedMonitor> describe_all(const UserPins& pins) {
  std::vector<LoadedMonitor> monitors;
  for (const std::string& name : pins.names()) {
    if (auto monitor = describe_monitor(pins, name, look_at(pins, name))) {
      monitors.push_back(std::move(*monitor));
    }
  }
  return monitors;
}

}  // namespace

std::optional<LoadedMonitor> describe_monitor(const UserPins& pins, const std::string& name,
                                              const Situation& situation) {
  const KnownLoad* load = situation.current();
  if (load == nullptr) {
    return std::nullopt;
  }
  const std::optional<Interface> port = interface_of(*load->record);
  LoadedMonitor monitor{name,
                        load->pins.number,
                        port ? port->name : load->record->interface,  // it may have got another name
                        load->record->network_namespace,
                        !situation.elsewhere,
                        load->record->file,
                        pins.directory(name, load->pins.number),
                        {}};
  for (const PathRecord& path : load->record->paths) {
    monitor.paths.push_back(describe(situation, *load, path));
  }
  return monitor;
}

void refuse_driven(const Situation& situation, const Interface& port, const std::string& name) {
  for (const OnHook& one : situation.on_hooks) {
    const auto holder = one.path.with.empty() ? std::nullopt : find_lease_holder(port);
    if (holder) {
      throw part_of_run(name, one.path.with, port.name, holder->pid);
    }
  }
}

void refuse_under_run(const LoadedMonitor& monitor, int pid) {
  for (const LoadedPath& path : monitor.paths) {
    if (path.attached && !path.with.empty()) {
      throw part_of_run(monitor.name, path.with, monitor.interface, static_cast<std::uint32_t>(pid));
    }
  }
}

std::vector<const PinnedProgram*> copies_of(const KnownLoad& load, const PathRecord& path) {
  std::vector<const PinnedProgram*> copies;
  for (const std::string& pin : {std::string(path.pin()), path.other_pin()}) {
    for (const PinnedProgram& program : load.pins.programs) {
      if (program.hook == pin) {
        copies.push_back(&program);
      }
    }
  }
  return copies;
}

const KnownLoad& load_of(const Situation& situation, const std::string& name) {
  const KnownLoad* load = situation.current();
  if (load == nullptr) {
    throw NotFound("no program is loaded as " + name);
  }
  return *load;
}

const KnownLoad* Situation::current() const {
  const auto found = std::find_if(loads.rbegin(), loads.rend(), [this](const KnownLoad& load) {
    const auto is_of_load = [&load](const OnHook& one) {
      return std::any_of(load.pins.programs.begin(), load.pins.programs.end(),
                         [&one](const PinnedProgram& program) { return program.id == one.id; });
    };
    return load.record && std::any_of(on_hooks.begin(), on_hooks.end(), is_of_load);
  });
  return found != loads.rend() ? &*found : newest();
}

const KnownLoad* Situation::newest() const {
  const auto found =
      std::find_if(loads.rbegin(), loads.rend(), [](const KnownLoad& load) { return load.record.has_value(); });
  return found != loads.rend() ? &*found : nullptr;
}

std::optional<Interface> interface_of(const LoadRecord& record) {
  if (record.network_namespace != network_namespace()) {
    return std::nullopt;
  }
  for (Interface& port : list_interfaces()) {
    if (port.index == record.interface_index) {
      return std::move(port);
    }
  }
  return std::nullopt;
}

Situation look_at(const UserPins& pins, const std::string& name) {
  Situation situation;
  for (PinnedLoad& load : pins.loads(name)) {
    std::optional<LoadRecord> record = read_load_record(load.record);
    situation.loads.push_back({std::move(load), std::move(record)});
  }
  for (const KnownLoad& load : situation.loads) {
    if (load.record) {
      find_on_hooks(situation, load);
    }
  }
  const KnownLoad* newest = situation.newest();
  situation.elsewhere = newest != nullptr && newest->record->network_namespace != network_namespace() &&
                        living_namespaces().may_include(newest->record->network_namespace);
  return situation;
}

bool LoadedMonitor::attached() const {
  return std::all_of(paths.begin(), paths.end(), [](const LoadedPath& path) { return path.attached; });
}

std::optional<Mode> ingress_mode(const LoadedMonitor& monitor) {
  for (const LoadedPath& path : monitor.paths) {
    if (!path.egress && path.attached) {
      return path.mode;
    }
  }
  return std::nullopt;
}

std::vector<LoadedMonitor> list_monitors() { return describe_all(UserPins::open()); }

std::optional<std::vector<LoadedMonitor>> list_monitors_at_once() {
  const auto pins = UserPins::open_at_once();
  return pins ? std::optional(describe_all(*pins)) : std::nullopt;
}

LoadedMonitor find_monitor(const std::string& name) {
  const UserPins pins = UserPins::open();
  if (auto monitor = describe_monitor(pins, name, look_at(pins, name))) {
    return std::move(*monitor);
  }
  throw NotFound("no program is loaded as " + name);
}

void unload_monitor(const std::string& name) {
  const UserPins pins = UserPins::open();
  const Situation situation = look_at(pins, name);
  if (situation.loads.empty()) {
    throw NotFound("no program is loaded as " + name);
  }
  if (situation.elsewhere) {
    throw Conflict(name + " is loaded on " + situation.newest()->record->interface +
                   " of another network namespace; unload it there");
  }
  const KnownLoad* newest = situation.newest();
  if (newest != nullptr) {
    if (const auto port = interface_of(*newest->record)) {
      refuse_driven(situation, *port, name);
      for (const OnHook& one : situation.on_hooks) {
        detach_user_program(*port, one.path.hook(), one.id, newest->record->made_tc_hooks);
        unpin_own(*port, one.path);
      }
    }
  }
  for (const KnownLoad& load : situation.loads) {
    pins.remove(name, load.pins.number);
  }
}

}  // namespace nicsentry::programs
