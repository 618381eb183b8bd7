// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/datapath/firewall_maps.h"
#include "host/datapath/interface.h"
#include "host/datapath/maps.h"
#include "host/datapath/mode.h"
#include "host/datapath/program_catalog.h"

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
// The elements of all maps of a program, with a firewall of this size or without one.
std::uint64_t map_elements(const TableSize& size, const std::optional<FirewallSize>& firewall = std::nullopt);

struct LoadOptions {
  std::filesystem::path object;
  Mode mode = Mode::drv;
  TableSize size;
  // Mode::hw binds program and maps to its card. In the other modes its MTU says whether frames may be larger than one
  // buffer.
  std::optional<Interface> port = std::nullopt;
  // Without it the maps of an object's firewall have no room, and the program counts as one without a firewall.
  std::optional<FirewallSize> firewall = std::nullopt;
  // A map of expectations that programs on the host share. Without it the program has one of its own.
  std::optional<int> expectations = std::nullopt;
  // Parts that are on; not on a card. See bpf_offload/types.h.
  struct switches switches {};
  // The notes that programs on the host share, see make_notes(). Needed where `switches` has copies.
  std::optional<int> notes = std::nullopt;
  // For ProgramCopy: the host can map what is counted beside sessions into memory, and one answer is expected at most.
  // Not on a card.
  bool for_questions = false;
};

bool operator==(const switches& one, const switches& other);

// A map for LoadOptions::notes. Throws SystemError.
UniqueFd make_notes();

// One program in the kernel (or on the card) and its maps.
class Program {
 public:
  // Loads an object of this build's ABI. Throws SystemError with the verifier's or the driver's words.
  static Program load(const LoadOptions& options);
  // Opens a program of this ABI that another process loaded and attached to a port in a mode. Throws Error for any
  // other program.
  static Program adopt(std::uint32_t program_id, Mode mode, const Interface& port);

  // Puts a second instance over the same maps behind libxdp's dispatcher on a port (xdp_dispatcher.h), and becomes that
  // one. For a program that load() loaded. `priority`: nothing: its own. Why it stands alone instead, or nothing.
  // Throws Conflict, SystemError.
  std::string join_dispatcher(const Interface& port, Mode mode, std::optional<std::uint32_t> priority);

  int fd() const { return fd_.get(); }
  std::uint32_t id() const { return id_; }
  const ProgramSpec& spec() const { return *spec_; }
  bool partial_frames() const { return partial_frames_; }
  Maps& maps() { return *maps_; }
  // Calls act with each map, those of the firewall too.
  void each_map(const std::function<void(MapRole role, int fd)>& act) const;
  // Null for a program without a firewall, or one without room for rules. Whoever writes them on another thread shares
  // them.
  FirewallMaps* firewall() const { return firewall_.get(); }
  const std::shared_ptr<FirewallMaps>& shared_firewall() const { return firewall_; }

 private:
  Program(UniqueFd fd, std::uint32_t id, const ProgramSpec& spec, MapFds maps, bool partial_frames);

  UniqueFd fd_;
  std::uint32_t id_ = 0;
  const ProgramSpec* spec_;
  std::vector<std::pair<MapRole, UniqueFd>> all_maps_;
  std::unique_ptr<Maps> maps_;
  std::shared_ptr<FirewallMaps> firewall_;
  bool partial_frames_ = false;
  std::filesystem::path object_;  // what load() loaded
};

// The kernel's report on a loaded program.
struct ProgramInfo {
  std::uint32_t id = 0;
  std::string name;
  Identity identity;
  bool room_for_rules = false;  // known of this ABI only
  bool enforces = false;
  struct switches switches {};  // known of this ABI only
};
ProgramInfo describe_program(std::uint32_t program_id);

// Keeps a program in the kernel while it is on no hook.
UniqueFd hold_program(std::uint32_t program_id);

}  // namespace nicsentry
