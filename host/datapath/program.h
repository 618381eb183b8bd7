// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "host/base/unique_fd.h"
#include "host/datapath/firewall_maps.h"
#include "host/datapath/interface.h"
#include "host/datapath/maps.h"
#include "host/datapath/mode.h"
#include "host/report/profile.h"

namespace nicsentry {

// How many sessions a program's maps are to hold, and in how many buckets (a power of two).
struct TableSize {
  std::uint32_t sessions = 0;
  unsigned bucket_bits = 0;
};

// Elements of the firewall's maps; see bpf_offload/types.h.
struct FirewallSize {
  std::uint32_t rule_bits = DEFAULT_RULE_BITS;
  std::uint32_t nodes = DEFAULT_INTERVAL_NODES;
  std::uint32_t address_buckets = DEFAULT_ADDRESS_BUCKETS;

  bool operator==(const FirewallSize&) const = default;
};

// The card's firmware bounds the elements of all maps together (docs/architecture.md).
constexpr std::uint64_t kCardElements = 3'072'000;
// `firewall`: null for a program that has none.
std::uint64_t map_elements(const TableSize& size, const FirewallSize* firewall = nullptr);

// One program in the kernel (or on the card) and its maps.
class Program {
 public:
  // `answers`: a map of expected answers that programs on the host are to share, -1 for one of its own. Loads an
  // object. `port` is needed for Mode::hw, which binds program and maps to the card, and tells the other modes whether
  // frames may be larger than one buffer. `firewall` sizes the maps of an object that has a firewall; without it they
  // have no room, and the program is one that has none. Throws SystemError with the verifier's or the driver's words.
  static Program load(const std::filesystem::path& object, Profile profile, Mode mode, const TableSize& size,
                      const Interface* port, const FirewallSize* firewall = nullptr, int answers = -1);
  // Takes over a program that somebody else loaded, and attached to a port in a mode. Throws Error when it is not one
  // of nicsentry's.
  static Program adopt(std::uint32_t program_id, Mode mode, const Interface& port);

  int fd() const { return fd_.get(); }
  std::uint32_t id() const { return id_; }
  Profile profile() const { return profile_; }
  bool partial_frames() const { return partial_frames_; }
  Maps& maps() { return *maps_; }
  // Null for a program without a firewall, or one without room for rules. Whoever writes them on another thread shares
  // them.
  FirewallMaps* firewall() const { return firewall_.get(); }
  const std::shared_ptr<FirewallMaps>& shared_firewall() const { return firewall_; }

 private:
  using MapFds = std::map<std::string, UniqueFd>;
  Program(UniqueFd fd, Profile profile, MapFds maps, const std::string& name, bool partial_frames);

  UniqueFd fd_;
  std::uint32_t id_ = 0;
  Profile profile_ = Profile::all;
  std::unique_ptr<Maps> maps_;
  std::shared_ptr<FirewallMaps> firewall_;
  bool partial_frames_ = false;
};

// What the kernel tells of a program by its id.
struct ProgramInfo {
  std::uint32_t id = 0;
  std::string name;
  std::optional<Profile> profile;  // none: not one of nicsentry's
  bool firewall = false;           // with room for rules
};
ProgramInfo describe_program(std::uint32_t program_id);

}  // namespace nicsentry
