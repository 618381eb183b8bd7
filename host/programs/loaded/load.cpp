// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <span>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/card.h"
#include "host/datapath/hook_state.h"
#include "host/datapath/linked_object.h"
#include "host/datapath/tc_filters.h"
#include "host/datapath/user_map.h"
#include "host/datapath/user_totals.h"
#include "host/programs/loaded/loaded.h"
#include "host/programs/loaded/situation.h"
#include "host/programs/values/layout.h"
#include "host/programs/values/numbers.h"

namespace nicsentry::programs {
namespace {

const OnHook* on_same_hook(const Situation& situation, const PathRecord& path) {
  for (const OnHook& one : situation.on_hooks) {
    if (one.path.egress == path.egress) {
      return &one;
    }
  }
  return nullptr;
}

void check_former(const Situation& situation, const Interface& port, const LoadRequest& request) {
  const KnownLoad* former = situation.newest();
  if (situation.elsewhere || (!situation.on_hooks.empty() && former->record->interface_index != port.index)) {
    throw Conflict(request.name + " is loaded on " + former->record->interface +
                   (situation.elsewhere ? " of another network namespace" : "") + "; unload it first");
  }
}

// A monitor's ingress program on its hook; nullptr where none is there.
const PathRecord* ingress_on_hook(const Situation& situation) {
  for (const OnHook& one : situation.on_hooks) {
    if (!one.path.egress) {
      return &one.path;
    }
  }
  return nullptr;
}

std::optional<Mode> ingress_mode_of(const Situation& situation) {
  const PathRecord* path = ingress_on_hook(situation);
  return path != nullptr ? std::optional(path->mode) : std::nullopt;
}

void check_with(const LoadRequest& request, std::optional<Mode> mode) {
  if (request.with.empty()) {
    return;
  }
  if (std::find(kCallsOnPacket.begin(), kCallsOnPacket.end(), request.with) == kCallsOnPacket.end()) {
    throw BadRequest("with: read \"" + request.with +
                     "\", allowed is ddos or crypto; the firewall leaves no room on a " + "card for more");
  }
  if (mode != Mode::hw) {
    throw BadRequest("with " + request.with +
                     ": only on a card (mode hw), where one program runs a port; on the host " +
                     "a program of your own stands beside nicsentry's, behind libxdp's dispatcher (drv, skb) or by " +
                     "its priority (tc)");
  }
}

// A program is replaced by one of its kind: alone, or with the same analyser.
CardTarget card_of(const LoadRequest& request, const PathRecord* former) {
  CardTarget card{find_interface(request.interface), request.with};
  require_card(card.port);
  if (former != nullptr) {
    if (!request.with.empty() && former->with != request.with) {
      throw Conflict(request.name + " is loaded " + (former->with.empty() ? "alone" : "with " + former->with) +
                     "; unload it first");
    }
    card.with = former->with;
  }
  return card;
}

// The modes of the ingress program, in the order in which they are tried.
std::vector<Mode> modes_of(ProgramKind kind, const Situation& situation, const LoadRequest& request) {
  const bool xdp = kind == ProgramKind::xdp;
  if (const auto former = ingress_mode_of(situation)) {
    if ((*former != Mode::tc) != xdp || (request.mode && *request.mode != *former)) {
      throw Conflict(request.name + " is loaded in mode " + mode_name(*former) + "; unload it first");
    }
    return {*former};
  }
  if (request.mode) {
    return {*request.mode};
  }
  return xdp ? std::vector<Mode>{Mode::drv, Mode::skb} : std::vector<Mode>{Mode::tc};
}

bool made_before(const UserPins& pins, const Interface& port) {
  for (const std::string& name : pins.names()) {
    for (const PinnedLoad& load : pins.loads(name)) {
      const auto record = read_load_record(load.record);
      if (record && record->made_tc_hooks && record->interface_index == port.index &&
          record->network_namespace == network_namespace()) {
        return true;
      }
    }
  }
  return false;
}

// Whether a metric of either path says that reads empty a map of this path.
bool is_emptied(const LoadRecord& record, const PathRecord& path, const UserMap& map) {
  return std::any_of(record.paths.begin(), record.paths.end(), [&](const PathRecord& one) {
    const bool has_map =
        one.egress == path.egress || std::any_of(one.maps.begin(), one.maps.end(), [&map](const UserMap& other) {
          return other.name == map.name && (other.is_extern || map.is_extern);
        });
    return has_map && std::any_of(one.metrics.begin(), one.metrics.end(), [&map](const MetricConfig& metric) {
             return metric.map == map.name && metric.empty_on_read;
           });
  });
}

// The totals of metrics that only grow, though reads empty their maps.
std::vector<UserTotals::Shape> totals_of(const VerifiedPath& path, const LoadRecord& record,
                                         const PathRecord& path_record) {
  std::vector<UserTotals::Shape> shapes;
  const std::string types = path.object.types();
  const std::vector<MetricConfig> metrics = metrics_of(path_record);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const MetricConfig& metric = metrics[i];
    const auto map = std::find_if(path_record.maps.begin(), path_record.maps.end(),
                                  [&metric](const UserMap& one) { return one.name == metric.map; });
    if (path_record.mode == Mode::hw) {
      continue;  // reads take nothing out of the maps
    }
    const bool emptied = is_emptied(record, path_record, *map) ||
                         std::find(path.swapped.begin(), path.swapped.end(), metric.map) != path.swapped.end();
    if (!emptied || !metric.open_metrics || !only_grows(metric.open_metrics->type) || is_queue_map(map->type)) {
      continue;
    }
    const MapLayout layout =
        layout_of_map(std::as_bytes(std::span(types)), map->name, map->key_bytes, map->value_bytes);
    const std::size_t numbers = counted_parts(layout.value).size();
    if (numbers != 0) {
      shapes.push_back({std::to_string(i), map->key_bytes, static_cast<std::uint32_t>(numbers)});
    }
  }
  return shapes;
}

// The maps of a path on a card of which a read takes the difference.
std::vector<std::string> differing_maps(const VerifiedPath& path, const PathRecord& path_record) {
  std::vector<std::string> names;
  for (const UserMap& map : path_record.maps) {
    const bool emptied = std::any_of(path.metrics.begin(), path.metrics.end(), [&map](const MetricConfig& metric) {
      return metric.map == map.name && (metric.empty_on_read || metric.swap_on_read);
    });
    if (path_record.mode == Mode::hw && emptied) {
      names.push_back(map.name);
    }
  }
  return names;
}

// One attempt to put a monitor on its hooks, undone by its destructor unless it is kept.
class Attempt {
 public:
  Attempt(const UserPins& pins, const Interface& port, const LoadRequest& request, const Situation& situation)
      : pins_(pins), port_(port), request_(request), situation_(situation), number_(situation.next_number()) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    if (!kept_) {
      undo();
    }
  }

  void place(const std::vector<VerifiedPath>& paths, Mode ingress_mode) {
    LoadRecord record = make_record(paths, ingress_mode);
    std::vector<ProgramToPin> programs;
    programs.reserve(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const VerifiedPath& path = paths[i];
      programs.push_back({path.egress ? "egress" : "ingress", &path.object, path.other ? &*path.other : nullptr,
                          path.swapped, metrics_of(record.paths[i]).size(), totals_of(path, record, record.paths[i]),
                          differing_maps(path, record.paths[i])});
    }
    pins_.add(request_.name, number_, programs, write_record(record));
    pinned_ = true;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      put(record.paths[i], paths[i]);
    }
  }

  // On XDP, where libxdp's dispatcher could not be used.
  const std::string& why_alone() const { return why_alone_; }

  void keep() { kept_ = true; }

 private:
  struct Put {
    PathRecord path;
    ProgramRef program;
    const OnHook* former = nullptr;
  };

  std::uint32_t priority_of(const PathRecord& path) const {
    const OnHook* former = on_same_hook(situation_, path);
    const auto wanted = path.egress && request_.egress_priority ? request_.egress_priority : request_.priority;
    if (path.mode != Mode::tc && (former == nullptr || former->place.priority == 0)) {
      return wanted.value_or(0);
    }
    if (former != nullptr && wanted && *wanted != former->place.priority) {
      throw Conflict(request_.name + " is loaded with priority " + std::to_string(former->place.priority) +
                     "; unload it first");
    }
    return former != nullptr ? former->place.priority : wanted ? *wanted : free_user_priority(port_, path.hook().hook);
  }

  LoadRecord make_record(const std::vector<VerifiedPath>& paths, Mode ingress_mode) {
    LoadRecord record{port_.name, port_.index, network_namespace(), request_.file, made_before(pins_, port_), {}};
    for (const VerifiedPath& path : paths) {
      PathRecord one{path.egress,  path.name, path.egress ? Mode::tc : ingress_mode, 0, path.object.maps(),
                     path.metrics, path.with};
      one.priority = priority_of(one);
      if (one.mode == Mode::tc) {
        made_ = make_tc_hooks(port_) || made_;
      }
      record.paths.push_back(std::move(one));
    }
    record.made_tc_hooks = record.made_tc_hooks || made_;
    return record;
  }

  // Behind a dispatcher the former one stays beside the new one until remove_former().
  void put(const PathRecord& path, const VerifiedPath& verified) {
    const int fd = verified.object.program_fd();
    const ProgramRef program{user_program_id(fd), fd};
    const OnHook* former = on_same_hook(situation_, path);
    if (former != nullptr && !former->place.dispatched(former->id)) {
      replace_user_program(port_, path.hook(), former->place.priority, {former->id, former->fd}, program);
    } else {
      former = nullptr;
      why_alone_ += attach_user_program(port_, path.hook(), path.priority, verified.object, verified.other.has_value());
    }
    put_.push_back({path, program, former});
  }

  void take_back(const Put& one) const {
    if (one.former != nullptr) {
      replace_user_program(port_, one.path.hook(), one.former->place.priority, one.program,
                           {one.former->id, one.former->fd});
    } else {
      detach_user_program(port_, one.path.hook(), one.program.id, false);
    }
  }

  void undo() noexcept {
    try {
      std::for_each(put_.rbegin(), put_.rend(), [this](const Put& one) { take_back(one); });
      if (made_ && !has_tc_filters(port_.index)) {
        remove_clsact(port_.index);
      }
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the port is going; the first error is told
    }
    if (pinned_) {
      pins_.remove(request_.name, number_);
    }
  }

  const UserPins& pins_;
  const Interface& port_;
  const LoadRequest& request_;
  const Situation& situation_;
  unsigned number_;
  bool made_ = false;
  bool pinned_ = false;
  bool kept_ = false;
  std::vector<Put> put_;
  std::string why_alone_;
};

// Attempt::why_alone().
std::string place_in_a_mode(const UserPins& pins, const Interface& port, const LoadRequest& request,
                            const Situation& situation, const std::vector<VerifiedPath>& paths) {
  const std::vector<Mode> modes = modes_of(paths.front().kind, situation, request);
  for (std::size_t i = 0; i < modes.size(); ++i) {
    Attempt attempt(pins, port, request, situation);
    try {
      attempt.place(paths, modes[i]);
      attempt.keep();
      return attempt.why_alone();
    } catch (const SystemError&) {
      if (i + 1 == modes.size()) {
        throw;
      }
    }
  }
  return "";
}

// nicsentry's programs do not see what one in front of them drops, or passes on by itself.
std::string in_front_warnings(const Interface& port, const std::string& name, const LoadedMonitor& monitor) {
  std::string warnings;
  for (const LoadedPath& path : monitor.paths) {
    for (const Hook own : path.attached ? own_hooks_behind(port, path.program_id) : std::vector<Hook>()) {
      warnings += "warning: " + name + " (" + hook_name(path.hook()) + ") is in front of nicsentry's program on " +
                  hook_name(own) + " of " + port.name +
                  ": a packet that it drops or passes on by itself is neither counted nor judged there\n";
    }
  }
  return warnings;
}

void remove_former(const UserPins& pins, const Interface& port, const std::string& name, const Situation& situation) {
  for (const OnHook& one : situation.on_hooks) {
    detach_user_program(port, one.path.hook(), one.id, false);  // quiet where another one took its place
  }
  for (const KnownLoad& load : situation.loads) {
    pins.remove(name, load.pins.number);
  }
}

}  // namespace

void check_program_name(const std::string& name) {
  if (!UserPins::is_name(name)) {
    throw BadRequest("the name '" + name + "': allowed are 1 to " + std::to_string(UserPins::kNameMax) +
                     " letters, digits, - and _; --name chooses one");
  }
}

std::vector<CompiledPath> compile_for(const Monitor& monitor, const LoadRequest& request, std::optional<Mode> former) {
  VerifyOptions options;
  options.direction = request.direction;
  options.log_level = request.log_level;
  const std::optional<Mode> mode = request.mode ? request.mode : former;
  if (mode) {
    options.ingress = *mode == Mode::tc ? ProgramKind::tc : ProgramKind::xdp;
  }
  return compile_paths(monitor, options);
}

LoadResult load_verified(const std::vector<VerifiedPath>& paths, const LoadRequest& request) {
  check_program_name(request.name);
  const Interface port = find_interface(request.interface);
  LoadResult result;
  for (const VerifiedPath& path : paths) {
    result.warnings += path.warnings;
  }
  {
    const UserPins pins = UserPins::open();
    const Situation situation = look_at(pins, request.name);
    check_former(situation, port, request);
    refuse_driven(situation, port, request.name);
    result.why_alone = place_in_a_mode(pins, port, request, situation, paths);
    remove_former(pins, port, request.name, situation);
    result.replaced = !situation.on_hooks.empty();
  }
  result.monitor = find_monitor(request.name);
  result.warnings += in_front_warnings(port, request.name, result.monitor);
  return result;
}

std::optional<CardTarget> card_target(const LoadRequest& request) {
  // Without a BPF file system none is loaded; the load says so, once the program is known to be right.
  const Situation situation = UserPins::any() ? look_at(UserPins::open(), request.name) : Situation{};
  const PathRecord* former = ingress_on_hook(situation);
  const std::optional<Mode> mode = request.mode ? request.mode : ingress_mode_of(situation);
  check_with(request, mode);
  return mode == Mode::hw ? std::optional(card_of(request, former)) : std::nullopt;
}

LoadResult load_monitor(const Monitor& monitor, const LoadRequest& request) {
  check_program_name(request.name);
  find_interface(request.interface);
  const std::optional<CardTarget> card = card_target(request);
  const std::optional<Mode> former = ingress_mode_of(look_at(UserPins::open(), request.name));
  return load_verified(verify(compile_for(monitor, request, former), card), request);
}

}  // namespace nicsentry::programs
