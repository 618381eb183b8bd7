// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <map>
#include <span>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/map_elements.h"
#include "host/datapath/object_file.h"
#include "host/datapath/object_handle.h"

namespace nicsentry {
namespace {

// XDP's headroom, the frame's end (skb_shared_info) and Ethernet with tags leave this much of a 4 KiB page to the MTU;
// above it drivers give a frame in several buffers (Documentation/networking/xdp-rx-metadata.rst, veth_xdp_set).
constexpr unsigned kSingleBufferMtu = 3400;

constexpr std::array kMapNames = {CONTROL_MAP_NAME, "sessions", "counters", "totals", "records"};
constexpr std::array kFirewallMapNames = {"fw_control",   "rule_banks",    "interval_nodes", "rule_bits",
                                          "rule_actions", "set_addresses", "rule_counters"};
// Those that have but one element in a program which is loaded without its firewall.
constexpr std::array kFirewallRoom = {"interval_nodes", "rule_bits", "rule_actions", "set_addresses", "rule_counters"};
constexpr const char* kAnswers = "answers";  // not on the card

// The driver tells of its limits in the kernel's log only.
std::string no_room_on_card() {
  return "\n  the card holds " + std::to_string(kCardElements) +
         " map elements over all its ports; with fewer --sessions a port needs less of them";
}

void require_maps(const std::map<std::string, UniqueFd>& fds, std::span<const char* const> names,
                  const std::string& program) {
  for (const char* name : names) {
    if (!fds.contains(name)) {
      throw Error("program " + program + " has no map '" + name + "': it is not one of nicsentry's");
    }
  }
}

std::unique_ptr<Maps> make_maps(std::map<std::string, UniqueFd>& fds, const std::string& program) {
  require_maps(fds, kMapNames, program);
  return std::make_unique<Maps>(std::move(fds[CONTROL_MAP_NAME]), std::move(fds["sessions"]),
                                std::move(fds["counters"]), std::move(fds["totals"]), std::move(fds["records"]));
}

bool has_room(const UniqueFd& rule_bits) { return entries_of(rule_bits, "rule_bits", sizeof(rule_chunk)) > 1; }

std::shared_ptr<FirewallMaps> make_firewall_maps(std::map<std::string, UniqueFd>& fds, const std::string& program) {
  if (!fds.contains(kFirewallMapNames.front())) {
    return nullptr;
  }
  require_maps(fds, kFirewallMapNames, program);
  if (!has_room(fds["rule_bits"])) {
    return nullptr;
  }
  return std::make_shared<FirewallMaps>(
      FirewallMaps::Fds{std::move(fds["fw_control"]), std::move(fds["rule_banks"]), std::move(fds["interval_nodes"]),
                        std::move(fds["rule_bits"]), std::move(fds["rule_actions"]), std::move(fds["set_addresses"]),
                        std::move(fds["rule_counters"]), std::move(fds[kAnswers])});
}

bpf_prog_info program_info(int fd, std::vector<__u32>* map_ids) {
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
    throw SystemError(errno, "reading a program's description");
  }
  if (map_ids != nullptr) {
    map_ids->resize(info.nr_map_ids);
    const __u32 count = info.nr_map_ids;
    info = {};
    info.nr_map_ids = count;
    info.map_ids = reinterpret_cast<__u64>(map_ids->data());
    length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
      throw SystemError(errno, "reading a program's maps");
    }
  }
  return info;
}

std::map<std::string, UniqueFd> open_maps(const std::vector<__u32>& ids, const char* program) {
  std::map<std::string, UniqueFd> fds;
  for (const __u32 id : ids) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    bpf_map_info description{};
    __u32 length = sizeof(description);
    if (!map || bpf_obj_get_info_by_fd(map.get(), &description, &length) != 0) {
      throw SystemError(errno, "opening map " + std::to_string(id) + " of program " + program);
    }
    fds[description.name] = std::move(map);
  }
  return fds;
}

UniqueFd program_by_id(std::uint32_t id) {
  UniqueFd fd(bpf_prog_get_fd_by_id(id));
  if (!fd) {
    throw SystemError(errno, "opening program " + std::to_string(id));
  }
  return fd;
}

std::optional<Profile> profile_of(const char* name) {
  if (std::string(name) == kFirewallAlone) {
    return Profile::all;
  }
  for (Profile profile : {Profile::ddos, Profile::crypto, Profile::all}) {
    if (std::string(program_name(profile)) == name) {
      return profile;
    }
  }
  return std::nullopt;
}

void size_map(bpf_object* object, const char* name, std::uint32_t entries) {
  bpf_map* map = bpf_object__find_map_by_name(object, name);
  if (map == nullptr || bpf_map__set_max_entries(map, entries) != 0) {
    throw Error(std::string("object ") + bpf_object__name(object) + " has no map '" + name + "'");
  }
}

void bind_to_card(bpf_object* object, bpf_program* program, int port) {
  bpf_program__set_ifindex(program, static_cast<__u32>(port));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__type(map) !=
        BPF_MAP_TYPE_PERF_EVENT_ARRAY) {  // the host's, its place on the card is the driver's affair
      bpf_map__set_ifindex(map, static_cast<__u32>(port));
    }
  }
}

bool has_partial_frames(Mode mode, const Interface& port) { return mode == Mode::drv && port.mtu > kSingleBufferMtu; }

}  // namespace

std::uint64_t map_elements(const TableSize& size, const FirewallSize* firewall) {
  const std::uint64_t analyser =
      1 + (std::uint64_t{1} << size.bucket_bits) + std::uint64_t{2} * size.sessions + std::uint64_t{2} * TOTALS_ROWS;
  constexpr std::uint64_t kAlways = 1 + 4;  // fw_control, rule_banks
  return analyser + kAlways +
         (firewall == nullptr ? kFirewallRoom.size()
                              : 2 * ACTION_ROWS + 2 * RULE_COUNTERS + std::uint64_t{firewall->rule_bits} +
                                    firewall->nodes + firewall->address_buckets);
}

Program::Program(UniqueFd fd, Profile profile, MapFds maps, const std::string& name, bool partial_frames)
    : fd_(std::move(fd)),
      profile_(profile),
      maps_(make_maps(maps, name)),
      firewall_(make_firewall_maps(maps, name)),
      partial_frames_(partial_frames) {
  id_ = program_info(fd_.get(), nullptr).id;
}

Program Program::load(const std::filesystem::path& object_path, Profile profile, Mode mode, const TableSize& size,
                      const Interface* port, const FirewallSize* firewall, int answers) {
  const LibbpfMessages messages;
  const std::string what = std::string("loading '") + program_name(firewall != nullptr ? Profile::all : profile) + "'" +
                           (port != nullptr ? " for " + port->name + " in mode " + mode_name(mode) : "");
  const ObjectHandle object(bpf_object__open_file(object_path.c_str(), nullptr));
  if (!object) {
    throw SystemError(errno, "opening object " + object_path.string(), messages.detail());
  }
  bpf_program* program = bpf_object__next_program(object.get(), nullptr);
  if (program == nullptr) {
    throw Error("object " + object_path.string() + " holds no program");
  }
  size_map(object.get(), "sessions", 1U << size.bucket_bits);
  size_map(object.get(), "counters", 2 * size.sessions);
  if (firewall != nullptr) {
    size_map(object.get(), "rule_bits", firewall->rule_bits);
    size_map(object.get(), "interval_nodes", firewall->nodes);
    size_map(object.get(), "set_addresses", firewall->address_buckets);
  } else if (bpf_object__find_map_by_name(object.get(), kFirewallRoom.front()) != nullptr) {
    for (const char* name : kFirewallRoom) {
      size_map(object.get(), name, 1);
    }
  }
  if (bpf_map* own = bpf_object__find_map_by_name(object.get(), kAnswers); own != nullptr) {
    const int result = answers >= 0          ? bpf_map__reuse_fd(own, answers)
                       : firewall == nullptr ? bpf_map__set_max_entries(own, 1)
                                             : 0;
    if (result != 0) {
      throw SystemError(errno, what + ": preparing map " + kAnswers);
    }
  }
  bool partial_frames = false;
  if (mode == Mode::hw) {
    bind_to_card(object.get(), program, port->index);
  } else if (port != nullptr && has_partial_frames(mode, *port)) {
    bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
    partial_frames = true;
  }
  if (bpf_object__load(object.get()) != 0) {
    const int code = errno;
    throw SystemError(code, what, messages.detail() + (mode == Mode::hw && code == ENOMEM ? no_room_on_card() : ""));
  }
  MapFds fds;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) { fds[bpf_map__name(map)] = duplicate(bpf_map__fd(map)); }
  Program loaded(duplicate(bpf_program__fd(program)), profile, std::move(fds), bpf_program__name(program),
                 partial_frames);
  if (mode == Mode::hw) {
    loaded.maps().make_elements();  // after the load: a counter that the host wrote before makes it fail
    if (loaded.firewall_) {
      loaded.firewall_->make_elements();
    }
  }
  return loaded;
}

Program Program::adopt(std::uint32_t program_id, Mode mode, const Interface& port) {
  UniqueFd fd = program_by_id(program_id);
  std::vector<__u32> map_ids;
  const bpf_prog_info info = program_info(fd.get(), &map_ids);
  const auto profile = profile_of(info.name);
  if (!profile) {
    throw Error("program " + std::to_string(program_id) + " ('" + info.name + "') is not one of nicsentry's");
  }
  return {std::move(fd), *profile, open_maps(map_ids, info.name), info.name, has_partial_frames(mode, port)};
}

ProgramInfo describe_program(std::uint32_t program_id) {
  std::vector<__u32> map_ids;
  const bpf_prog_info info = program_info(program_by_id(program_id).get(), &map_ids);
  ProgramInfo described{program_id, info.name, profile_of(info.name)};
  const bool has_firewall = described.profile == Profile::all;
  const std::size_t needed = kMapNames.size() + (has_firewall ? kFirewallMapNames.size() : 0);
  if (map_ids.size() != needed && (!has_firewall || map_ids.size() != needed + 1)) {  // with `answers`
    described.profile.reset();                                                        // a stranger of the same name
  }
  if (described.profile && has_firewall) {
    described.firewall = has_room(open_maps(map_ids, info.name).at("rule_bits"));
  }
  return described;
}

}  // namespace nicsentry
