// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/compiler/confinement.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace nicsentry::programs {
namespace {

namespace fs = std::filesystem;

// The child's root is made on top of a directory that each system has and that a compiler does not need.
constexpr const char* kRoot = "/proc";
constexpr unsigned kNobody = 65534;
constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

std::string below_root(const fs::path& path) { return kRoot + path.string(); }

void add_directory(Confinement& confinement, const fs::path& path) {
  fs::path made;
  for (const fs::path& part : path.relative_path()) {
    made /= part;
    confinement.directories.push_back(below_root("/" / made));
  }
}

void add_mount(Confinement& confinement, const fs::path& from, const fs::path& to) {
  add_directory(confinement, to);
  confinement.mounts.push_back({from, below_root(to)});
}

// As the system has it: a directory, or a link into /usr.
void add_system(Confinement& confinement, const fs::path& path) {
  std::error_code ignored;
  if (fs::is_symlink(path, ignored)) {
    confinement.links.push_back({fs::read_symlink(path, ignored), below_root(path)});
  } else if (fs::is_directory(path, ignored)) {
    add_mount(confinement, path, path);
  }
}

ConfinementFailure failed(const char* step, const std::string& what = {}) {
  ConfinementFailure failure;
  failure.code = errno;
  std::strncpy(failure.step, step, sizeof(failure.step) - 1);
  std::strncat(failure.step, what.c_str(), sizeof(failure.step) - 1 - std::strlen(failure.step));
  return failure;
}

bool write_file(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written;
}

// Without the right to make namespaces, the child makes a user namespace first, in which it has it.
bool enter_namespaces(const Confinement& confinement) {
  if (unshare(kNamespaces) == 0) {
    return true;
  }
  return errno == EPERM && unshare(CLONE_NEWUSER | kNamespaces) == 0 && write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/uid_map", confinement.user_map) &&
         write_file("/proc/self/gid_map", confinement.group_map);
}

ConfinementFailure make_root(const Confinement& confinement) {
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failed("making mounts private");
  }
  if (mount("root", kRoot, "tmpfs", MS_NOSUID | MS_NODEV, "size=256k,mode=755") != 0) {
    return failed("mounting a root");
  }
  for (const std::string& directory : confinement.directories) {
    if (mkdir(directory.c_str(), S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH) != 0 && errno != EEXIST) {
      return failed("making ", directory);
    }
  }
  for (const Confinement::Mount& one : confinement.mounts) {
    constexpr unsigned long kReadOnly = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
    if (mount(one.from.c_str(), one.to.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        mount(nullptr, one.to.c_str(), nullptr, kReadOnly, nullptr) != 0) {
      return failed("mounting ", one.from);
    }
  }
  for (const Confinement::Link& link : confinement.links) {
    if (symlink(link.target.c_str(), link.name.c_str()) != 0) {
      return failed("linking ", link.name);
    }
  }
  if (chdir(kRoot) != 0 || chroot(".") != 0) {
    return failed("changing the root");
  }
  return {};
}

ConfinementFailure drop_rights() {
  if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
                         setresuid(kNobody, kNobody, kNobody) != 0)) {
    return failed("becoming user nobody");
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return failed("giving up capabilities");
  }
  return {};
}

bool limit(__rlimit_resource resource, rlim_t value) {
  const rlimit both{value, value};
  return setrlimit(resource, &both) == 0;
}

}  // namespace

Confinement prepare_confinement(const ConfinedCommand& command) {
  Confinement confinement;
  for (const char* path : {"/usr/bin", "/usr/include", "/usr/lib", "/usr/lib64", "/lib", "/lib64"}) {
    add_system(confinement, path);
  }
  add_directory(confinement, "/headers");
  confinement.links.push_back({"/usr/include", below_root("/headers/uapi")});
  add_directory(confinement, "/source");
  if (!command.source.empty()) {
    add_mount(confinement, fs::absolute(command.source), "/source");
  }
  confinement.user_map = std::to_string(kNobody) + " " + std::to_string(geteuid()) + " 1";
  confinement.group_map = std::to_string(kNobody) + " " + std::to_string(getegid()) + " 1";
  return confinement;
}

ConfinementFailure confine(const Confinement& confinement, const ChildLimits& limits) {
  if (!enter_namespaces(confinement)) {
    return failed("making namespaces");
  }
  ConfinementFailure failure = make_root(confinement);
  if (failure.code == 0) {
    failure = drop_rights();
  }
  if (failure.code != 0) {
    return failure;
  }
  const auto seconds = static_cast<rlim_t>(limits.processor.count());
  if (!limit(RLIMIT_CPU, seconds) || !limit(RLIMIT_AS, limits.memory) || !limit(RLIMIT_FSIZE, 0) ||
      !limit(RLIMIT_CORE, 0)) {
    return failed("setting limits");
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return {};
}

}  // namespace nicsentry::programs
