// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/card.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/loaded_program.h"
#include "host/datapath/map_elements.h"
#include "host/datapath/mapped_array.h"
#include "host/datapath/object_handle.h"
#include "host/datapath/xdp_dispatcher.h"

namespace nicsentry {
namespace {

// XDP's headroom, the frame's end (skb_shared_info) and Ethernet with tags leave this much of a 4 KiB page to the MTU;
// above it drivers give a frame in several buffers (Documentation/networking/xdp-rx-metadata.rst, veth_xdp_set).
constexpr unsigned kSingleBufferMtu = 3400;

// These have but one element in a program that is loaded without its firewall.
constexpr std::array kFirewallRoom = {MapRole::interval_nodes, MapRole::rule_bits, MapRole::rule_actions,
                                      MapRole::set_addresses, MapRole::rule_counters};

// A bound for the trie, whose memory is taken as it is needed: more than interval_nodes has ranges.
constexpr std::uint32_t kHitPrefixes = 1U << 22;

bool has_room(const UniqueFd& rule_bits) { return entries_of(rule_bits, MapRole::rule_bits) > 1; }

std::shared_ptr<FirewallMaps> make_firewall_maps(MapFds& fds) {
  return fds.contains(MapRole::rule_bits) && has_room(fds[MapRole::rule_bits]) ? std::make_shared<FirewallMaps>(fds)
                                                                               : nullptr;
}

std::vector<std::pair<MapRole, UniqueFd>> duplicates(const MapFds& maps) {
  std::vector<std::pair<MapRole, UniqueFd>> copies;
  for (const auto& [role, fd] : maps) {
    copies.emplace_back(role, duplicate(fd.get()));
  }
  return copies;
}

ObjectHandle open_object(const std::filesystem::path& path) {
  const LibbpfMessages messages;
  ObjectHandle object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object) {
    throw SystemError(errno, "opening object " + path.string(), messages.detail());
  }
  return object;
}

bpf_map* find_map(bpf_object* object, MapRole role) { return bpf_object__find_map_by_name(object, map_name(role)); }

void size_map(bpf_object* object, MapRole role, std::uint32_t entries) {
  const int result = bpf_map__set_max_entries(find_map(object, role), entries);
  if (result != 0) {
    throw SystemError(-result, std::string("sizing map ") + map_name(role));
  }
}

// Throws Error for an object that is not of this build's ABI.
const ProgramSpec& spec_of(const bpf_object* object, const char* program, const std::filesystem::path& path) {
  std::vector<MapLayout> layouts;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    layouts.push_back({bpf_map__name(map), bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map)});
  }
  const Identity identity = identify(program, layouts);
  if (identity.ours() && !identity.adoptable()) {
    throw Error("object " + path.string() + " has program ABI " + std::to_string(identity.abi) +
                ", this nicsentry has " + std::to_string(program_abi()));
  }
  if (!identity.ours()) {
    throw Error("object " + path.string() + " is not nicsentry's" +
                (identity.why_not.empty() ? "" : ": " + identity.why_not));
  }
  return *identity.spec;
}

void size_maps(bpf_object* object, const LoadOptions& options) {
  size_map(object, MapRole::sessions, 1U << options.size.bucket_bits);
  size_map(object, MapRole::counters, 2 * options.size.sessions);
  if (options.firewall) {
    size_map(object, MapRole::rule_bits, options.firewall->rule_bits);
    size_map(object, MapRole::interval_nodes, options.firewall->nodes);
    size_map(object, MapRole::set_addresses, options.firewall->address_buckets);
  } else if (find_map(object, MapRole::rule_bits) != nullptr) {
    for (const MapRole role : kFirewallRoom) {
      size_map(object, role, 1);
    }
  }
  if (find_map(object, MapRole::limit_tables) != nullptr && (!options.firewall || options.for_questions)) {
    size_map(object, MapRole::limit_tables, 1);  // see FirewallMaps::keeps_limits()
    size_map(object, MapRole::limited, 1);
  }
}

void prepare_expectations(bpf_object* object, const LoadOptions& options) {
  bpf_map* own = find_map(object, MapRole::expectations);
  if (own == nullptr) {
    return;
  }
  if (options.expectations && bpf_map__reuse_fd(own, *options.expectations) != 0) {
    throw SystemError(errno, "sharing the map of expectations");
  }
  if (!options.expectations && (!options.firewall || options.for_questions)) {
    size_map(object, MapRole::expectations, 1);
  }
}

// Programs on a card have none.
void set_switches(bpf_object* object, const LoadOptions& options) {
  bpf_map* map = find_map(object, MapRole::switches);
  if (map == nullptr) {
    if (!(options.switches == switches{})) {
      throw Error("a program on a card neither counts hits of sets' entries nor leaves out copies");
    }
    return;
  }
  const int result = bpf_map__set_initial_value(map, &options.switches, sizeof(options.switches));
  if (result != 0) {
    throw SystemError(-result, std::string("preparing map ") + map_name(MapRole::switches));
  }
  if (options.notes && bpf_map__reuse_fd(find_map(object, MapRole::recent), *options.notes) != 0) {
    throw SystemError(errno, "sharing the notes of packets");
  }
  if (options.switches.count_hits != 0) {
    size_map(object, MapRole::hit_sets, 2 * HIT_PLACES * SET_CLASSES);
    size_map(object, MapRole::hit_names, 2 * HIT_NAMES);
    size_map(object, MapRole::hit_addresses, options.firewall.value().address_buckets * ADDRESSES_PER_BUCKET);
    size_map(object, MapRole::hit_prefixes, kHitPrefixes);
  }
}

struct switches switches_of(const LoadedProgram& program) {
  struct switches found {};
  const LoadedProgram::Map* map = find_map(program, MapRole::switches);
  const std::uint32_t index = 0;
  if (map != nullptr && map->layout.value_size == sizeof(found)) {
    bpf_map_lookup_elem(map->fd.get(), &index, &found);
  }
  return found;
}

bool has_room_for_rules(const LoadedProgram& program) {
  const LoadedProgram::Map* bits = find_map(program, MapRole::rule_bits);
  return bits != nullptr && bits->entries > 1;
}

bool has_partial_frames(Mode mode, const Interface& port) { return mode == Mode::drv && port.mtu > kSingleBufferMtu; }

}  // namespace

std::uint64_t map_elements(const TableSize& size, const std::optional<FirewallSize>& firewall) {
  const std::uint64_t analyser =
      1 + (std::uint64_t{1} << size.bucket_bits) + std::uint64_t{2} * size.sessions + std::uint64_t{2} * TOTALS_ROWS;
  constexpr std::uint64_t kAlways = 1 + 4;  // fw_control, rule_banks
  return analyser + kAlways +
         (firewall ? 2 * ACTION_ROWS + 2 * RULE_COUNTERS + std::uint64_t{firewall->rule_bits} + firewall->nodes +
                         firewall->address_buckets
                   : kFirewallRoom.size());
}

bool operator==(const switches& one, const switches& other) {
  return one.count_hits == other.count_hits && one.copies == other.copies;
}

UniqueFd make_notes() {
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, map_name(MapRole::recent), sizeof(std::uint32_t), sizeof(notes),
                              NOTE_SETS, nullptr));
  if (!map) {
    throw SystemError(errno, "making the notes of packets that come in", missing_text({Capability::bpf}));
  }
  return map;
}

Program::Program(UniqueFd fd, std::uint32_t id, const ProgramSpec& spec, MapFds maps, bool partial_frames)
    : fd_(std::move(fd)),
      id_(id),
      spec_(&spec),
      all_maps_(duplicates(maps)),
      maps_(std::make_unique<Maps>(maps)),
      firewall_(make_firewall_maps(maps)),
      partial_frames_(partial_frames) {}

void Program::each_map(const std::function<void(MapRole role, int fd)>& act) const {
  for (const auto& [role, fd] : all_maps_) {
    act(role, fd.get());
  }
}

Program Program::load(const LoadOptions& options) {
  const ObjectHandle object = open_object(options.object);
  const LibbpfMessages messages;
  bpf_program* program = bpf_object__next_program(object.get(), nullptr);
  if (program == nullptr) {
    throw Error("object " + options.object.string() + " holds no program");
  }
  const ProgramSpec& spec = spec_of(object.get(), bpf_program__name(program), options.object);
  if (options.firewall && !spec.features.firewall) {
    throw Error("program '" + std::string(spec.name) + "' has no firewall");
  }
  const bool on_card = options.mode == Mode::hw;
  const std::string what = "loading '" + std::string(spec.name) + "'" +
                           (options.port ? " for " + options.port->name + " in mode " + mode_name(options.mode) : "");
  size_maps(object.get(), options);
  prepare_expectations(object.get(), options);
  set_switches(object.get(), options);
  if (options.for_questions) {
    for (const MapRole role : kCounted) {
      make_mappable(bpf_object__find_map_by_name(object.get(), map_name(role)), role);
    }
  }
  const bool partial_frames = options.port && has_partial_frames(options.mode, *options.port);
  if (on_card) {
    bind_to_card(object.get(), program, options.port.value().index);
  } else if (partial_frames) {
    bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
  }
  if (bpf_object__load(object.get()) != 0) {
    const int code = errno;
    throw SystemError(
        code, what, missing_for_programs() + messages.detail() + (on_card && code == ENOMEM ? no_room_on_card() : ""));
  }
  MapFds fds;
  for (const MapSpec& map : spec.maps) {
    if (const bpf_map* made = find_map(object.get(), map.role); made != nullptr) {
      fds[map.role] = duplicate(bpf_map__fd(made));
    }
  }
  LoadedProgram described = describe_loaded(duplicate(bpf_program__fd(program)));
  Program loaded(std::move(described.fd), described.id, spec, std::move(fds), partial_frames);
  loaded.object_ = options.object;
  if (on_card) {
    loaded.maps().make_elements();  // after the load: a counter that the host wrote before makes it fail
    if (loaded.firewall_) {
      loaded.firewall_->make_elements();
    }
  }
  return loaded;
}

std::string Program::join_dispatcher(const Interface& port, Mode mode, std::optional<std::uint32_t> priority) {
  const ObjectHandle object = open_object(object_);
  each_map([&object](MapRole role, int fd) {
    if (bpf_map__reuse_fd(find_map(object.get(), role), fd) != 0) {
      throw SystemError(errno, std::string("sharing map ") + map_name(role));
    }
  });
  bpf_program* program = bpf_object__next_program(object.get(), nullptr);
  if (partial_frames_) {
    bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
  }
  JoinedProgram joined =
      nicsentry::join_dispatcher(port, mode, object.get(), bpf_program__section_name(program), priority);
  fd_ = std::move(joined.fd);
  id_ = joined.id;
  return joined.why_alone;
}

Program Program::adopt(std::uint32_t program_id, Mode mode, const Interface& port) {
  LoadedProgram loaded = open_program(program_id);
  const Identity identity = identify(loaded);
  if (!identity.adoptable()) {
    throw Error("program " + std::to_string(program_id) + " ('" + loaded.name + "') is not one of this nicsentry's");
  }
  MapFds maps = take_maps(loaded, *identity.spec);
  return {std::move(loaded.fd), program_id, *identity.spec, std::move(maps), has_partial_frames(mode, port)};
}

ProgramInfo describe_program(std::uint32_t program_id) {
  const LoadedProgram loaded = open_program(program_id);
  ProgramInfo info{program_id, loaded.name, identify(loaded), false, false, {}};
  info.enforces = info.identity.ours() && enforces(loaded);
  info.room_for_rules = info.identity.adoptable() && has_room_for_rules(loaded);
  info.switches = info.identity.adoptable() ? switches_of(loaded) : switches{};
  return info;
}

UniqueFd hold_program(std::uint32_t program_id) { return open_program(program_id).fd; }

}  // namespace nicsentry
