// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/base/other_user.h"
#include "host/datapath/hook_state.h"
#include "host/datapath/pinned_names.h"

namespace nicsentry {
namespace {

namespace fs = std::filesystem;

constexpr std::array kHooks = {Hook::xdp, Hook::tc_ingress, Hook::tc_egress};

fs::path pin_path() {
  const char* chosen = std::getenv("NICSENTRY_PIN_DIR");
  return chosen != nullptr ? chosen : "/sys/fs/bpf/nicsentry";
}

bool on_bpf_file_system(const fs::path& path) {
  struct statfs found {};
  return statfs(path.c_str(), &found) == 0 && static_cast<unsigned long>(found.f_type) == BPF_FS_MAGIC;
}

// Others could pin something of their own in a directory that is not ours alone, or open what is nicsentry's.
bool is_own(const fs::path& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
         (found.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

void require_own(const fs::path& path) {
  struct stat found {};
  if (geteuid() != 0 && lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid != geteuid()) {
    throw SystemError(EACCES, "opening " + path.string(), needs_user(found.st_uid));
  }
  if (!is_own(path)) {
    throw Error("EPERM: " + path.string() + " is not a directory of user " + std::to_string(geteuid()) +
                " with mode 0700; remove it, or give it that owner and mode");
  }
}

std::vector<fs::path> entries_in(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(directory, missing)) {
    entries.push_back(entry.path());
  }
  return entries;
}

bool same_inode(const fs::path& one, const fs::path& other) {
  struct stat first {};
  struct stat second {};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

// `ip netns exec` mounts a /sys of its own over the one that has the BPF file system. Returns what shows that one, or
// nothing where this process was not started so.
std::string hidden_by_ip_netns(const fs::path& mount) {
  if (!mount.string().starts_with("/sys/") || same_inode("/proc/self/ns/mnt", "/proc/1/ns/mnt")) {
    return "";
  }
  for (const fs::path& name : entries_in("/run/netns")) {
    if (same_inode(name, "/proc/self/ns/net")) {
      return ": 'ip netns exec' hides it; use: nsenter --net=" + name.string() + " nicsentry ...";
    }
  }
  return "";
}

std::string pin_name(unsigned long network_namespace, int interface_index, Hook hook) {
  return std::to_string(network_namespace) + "-" + std::to_string(interface_index) + "-" + hook_name(hook);
}

// A BPF file system refuses names with dots.
std::string file_name(MapRole role) {
  std::string name = map_name(role);
  std::erase(name, '.');
  return name;
}

struct PinKey {
  unsigned long network_namespace = 0;
  int interface_index = 0;
  Hook hook = Hook::xdp;
};

// Nothing for a name that is not one of ours.
std::optional<PinKey> parse_pin_name(const std::string& name) {
  PinKey key;
  const char* end = name.data() + name.size();
  const auto space = std::from_chars(name.data(), end, key.network_namespace);
  if (space.ec != std::errc() || space.ptr == end || *space.ptr != '-') {
    return std::nullopt;
  }
  const auto index = std::from_chars(space.ptr + 1, end, key.interface_index);
  for (const Hook hook : kHooks) {
    key.hook = hook;
    if (index.ec == std::errc() && pin_name(key.network_namespace, key.interface_index, hook) == name) {
      return key;
    }
  }
  return std::nullopt;
}

void remove_pins(const fs::path& directory) {
  std::error_code ignored;  // what is gone already
  fs::remove_all(directory, ignored);
}

void pin_fd(int fd, const fs::path& path) {
  if (bpf_obj_pin(fd, path.c_str()) != 0) {
    throw SystemError(errno, "pinning " + path.string());
  }
}

std::uint32_t program_id(int fd) {
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

std::uint32_t map_id(int fd) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

bool on_its_hook(const PinKey& key, const fs::path& directory) {
  const UniqueFd program(bpf_obj_get((directory / kPinnedProgram).c_str()));
  if (!program || !interface_exists(key.interface_index)) {
    return false;
  }
  Interface port;
  port.index = key.interface_index;
  port.name = directory.filename();
  const std::uint32_t id = program_id(program.get());
  // The mode is not on record here: on the card or not.
  const auto runs = [&](Mode mode) { return look_at_hook(port, key.hook, mode, id).runs(); };
  return key.hook == Hook::xdp ? runs(Mode::drv) || runs(Mode::hw) : runs(Mode::tc);
}

// Runs `look` in another network namespace, on a thread of its own that ends there; not where that may not be entered.
void in_namespace(const fs::path& place, const std::function<void()>& look) {
  const UniqueFd entry(open(place.c_str(), O_RDONLY | O_CLOEXEC));
  if (!entry) {
    return;
  }
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (setns(entry.get(), CLONE_NEWNET) == 0) {
        look();
      }
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

// A pinned program of nicsentry's, and where maps are that it has besides.
struct PinnedPlace {
  fs::path directory;
  fs::path more_maps;
};

// Those of ports' hooks, and those that a user's function is linked with (user_pins.h).
std::vector<PinnedPlace> pinned_places() {
  std::vector<PinnedPlace> places;
  for (const fs::path& directory : entries_in(pin_path())) {
    places.push_back({directory, {}});
  }
  for (const fs::path& name : entries_in(pin_path() / "programs")) {
    for (const fs::path& load : entries_in(name)) {
      places.push_back({load / kWithPins, load / "ingress-maps"});
    }
  }
  return places;
}

}  // namespace

LivingNamespaces living_namespaces() {
  LivingNamespaces living;
  std::error_code gone;
  for (const auto& process : fs::directory_iterator("/proc", gone)) {
    const fs::path place = process.path() / "ns/net";
    struct stat found {};
    if (stat(place.c_str(), &found) == 0) {
      living.places.emplace(found.st_ino, place);
    } else if ((errno == EACCES || errno == EPERM) && process.path().filename() != "1") {
      // A process with more capabilities than this one, which has no CAP_SYS_PTRACE. Process 1 of a container can have
      // more than its root; what it runs is in its namespace, too.
      living.all = false;
    }
  }
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto begin = line.find("net:[");
    unsigned long inode = 0;
    std::string skipped;
    std::string place;
    if (begin != std::string::npos &&
        std::from_chars(line.data() + begin + 5, line.data() + line.size(), inode).ec == std::errc() &&
        std::istringstream(line) >> skipped >> skipped >> skipped >> skipped >> place) {
      living.places.emplace(inode, place);
    }
  }
  return living;
}

std::filesystem::path PinDirectory::place() { return pin_path(); }

std::optional<PinDirectory> PinDirectory::open(std::string& why_not) {
  const fs::path path = pin_path();
  if (!on_bpf_file_system(path.parent_path())) {
    why_not =
        "no BPF file system is mounted at " + path.parent_path().string() + hidden_by_ip_netns(path.parent_path());
    return std::nullopt;
  }
  if (mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    why_not = std::system_category().message(errno) + ": making " + path.string();
    return std::nullopt;
  }
  require_own(path);
  return PinDirectory(path);
}

fs::path PinDirectory::of(const Interface& port, Hook hook) const {
  return path_ / pin_name(network_namespace(), port.index, hook);
}

void PinDirectory::pin(const Interface& port, Hook hook, const Program& program) const {
  const fs::path directory = of(port, hook);
  remove_pins(directory);
  if (mkdir(directory.c_str(), S_IRWXU) != 0) {
    throw SystemError(errno, "making " + directory.string());
  }
  try {
    program.each_map([&directory](MapRole role, int fd) { pin_fd(fd, directory / file_name(role)); });
    pin_fd(program.fd(), directory / kPinnedProgram);  // last: with it the maps are complete
  } catch (...) {
    remove_pins(directory);
    throw;
  }
}

void PinDirectory::unpin(const Interface& port, Hook hook) const { remove_pins(of(port, hook)); }

void PinDirectory::remove_vanished() const {
  const LivingNamespaces living = living_namespaces();
  const unsigned long here = network_namespace();
  for (const fs::path& directory : entries_in(path_)) {
    const auto key = parse_pin_name(directory.filename());
    if (!key) {
      continue;
    }
    try {
      bool needed = true;  // what cannot be looked at stays
      const auto look = [&] { needed = on_its_hook(*key, directory); };
      if (key->network_namespace == here) {
        look();
      } else if (const auto other = living.places.find(key->network_namespace); other == living.places.end()) {
        needed = living.may_include(key->network_namespace);
      } else {
        in_namespace(other->second, look);  // the number of a namespace that is gone is given to a new one
      }
      if (!needed) {
        remove_pins(directory);
      }
    } catch (const SystemError&) {  // NOLINT(bugprone-empty-catch): the interface is just going; the next start looks
    }
  }
}

std::optional<LoadedProgram> open_pinned_program(std::uint32_t id) {
  if (!is_own(pin_path())) {
    return std::nullopt;
  }
  for (const PinnedPlace& place : pinned_places()) {
    UniqueFd fd(bpf_obj_get((place.directory / kPinnedProgram).c_str()));
    if (!fd || program_id(fd.get()) != id) {
      continue;
    }
    const std::set<std::uint32_t> ids = map_ids_of(fd.get());
    LoadedProgram program = describe_loaded(std::move(fd));
    for (const fs::path& directory : {place.directory, place.more_maps}) {
      for (const fs::path& pin : entries_in(directory)) {
        UniqueFd map(pin.filename() != kPinnedProgram || directory != place.directory ? bpf_obj_get(pin.c_str()) : -1);
        if (map && ids.contains(map_id(map.get()))) {  // another map by this name is not the program's
          program.maps.push_back(describe_map(std::move(map), program.name));
        }
      }
    }
    return program;
  }
  return std::nullopt;
}

}  // namespace nicsentry
