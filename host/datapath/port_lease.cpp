// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/port_lease.h"

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/base/service_unit.h"

namespace nicsentry {
namespace {

constexpr const char* kName = "nicsentry_lease";
constexpr std::uint32_t kKey = 0;
constexpr int kLeaseTries = 100;  // until the content of a map that was just made is there
constexpr std::chrono::milliseconds kBetweenTries{1};

struct Lease {
  std::uint64_t network_namespace;
  std::uint64_t pid_namespace;
  std::uint32_t interface_index;
  std::uint32_t pid;
  std::array<char, 104> directory;  // cut off where it is longer
};
static_assert(sizeof(Lease) == 128, "versions of nicsentry read each other's leases");

struct Found {
  std::uint32_t id = 0;
  Lease lease{};
};

std::uint64_t pid_namespace() {
  struct stat status {};
  return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

std::uint32_t id_of(int map) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &length) != 0) {
    throw SystemError(errno, "reading a lease's description");
  }
  return info.id;
}

bool is_lease(int map) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  return bpf_obj_get_info_by_fd(map, &info, &length) == 0 && std::string_view(info.name) == kName &&
         info.type == BPF_MAP_TYPE_LRU_HASH && info.key_size == sizeof(kKey) && info.value_size == sizeof(Lease);
}

// Nothing for a process that died before it had written its lease.
std::optional<Lease> read_lease(int map) {
  Lease lease{};
  for (int i = 0; i < kLeaseTries; ++i) {
    if (bpf_map_lookup_elem(map, &kKey, &lease) == 0) {
      return lease;
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
  return std::nullopt;
}

// The lease of a port with the lowest id but for `own`.
std::optional<Found> first_lease(const Interface& port, std::uint32_t own) {
  const unsigned long here = network_namespace();
  std::uint32_t id = 0;
  while (bpf_map_get_next_id(id, &id) == 0) {
    if (id == own) {
      continue;
    }
    const UniqueFd map(bpf_map_get_fd_by_id(id));
    if (!map || !is_lease(map.get())) {
      continue;
    }
    const auto lease = read_lease(map.get());
    if (lease && lease->network_namespace == here && lease->interface_index == static_cast<std::uint32_t>(port.index)) {
      return Found{id, *lease};
    }
  }
  return std::nullopt;
}

LeaseHolder holder_of(const Lease& lease) {
  return {lease.pid,
          lease.pid_namespace == pid_namespace(),
          {lease.directory.data(), strnlen(lease.directory.data(), lease.directory.size())}};
}

}  // namespace

PortLease::PortLease(const Interface& port, const std::string& directory) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  map_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_LRU_HASH, kName, sizeof(kKey), sizeof(Lease), 1, &options));
  if (!map_) {
    throw SystemError(errno, "leasing " + port.name, missing_text({Capability::bpf}));
  }
  Lease lease{};
  lease.network_namespace = network_namespace();
  lease.pid_namespace = pid_namespace();
  lease.interface_index = static_cast<std::uint32_t>(port.index);
  lease.pid = static_cast<std::uint32_t>(getpid());
  directory.copy(lease.directory.data(), lease.directory.size() - 1);
  if (bpf_map_update_elem(map_.get(), &kKey, &lease, BPF_ANY) != 0) {
    throw SystemError(errno, "leasing " + port.name);
  }
  const std::uint32_t own = id_of(map_.get());
  const auto other = first_lease(port, own);
  if (other && other->id < own) {
    const LeaseHolder holder = holder_of(other->lease);
    throw Error(
        "EBUSY: " + port.name + " is watched already by nicsentry, process " + std::to_string(holder.pid) +
        (holder.same_pid_namespace ? service_unit_of(static_cast<pid_t>(holder.pid)) : " of another container") +
        ", with the runtime directory " + holder.directory);
  }
}

std::optional<LeaseHolder> find_lease_holder(const Interface& port) {
  const auto found = first_lease(port, 0);
  return found ? std::optional(holder_of(found->lease)) : std::nullopt;
}

}  // namespace nicsentry
