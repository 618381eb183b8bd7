// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace nicsentry {
namespace {

static_assert(static_cast<unsigned>(Capability::setgid) == CAP_SETGID);
static_assert(static_cast<unsigned>(Capability::setuid) == CAP_SETUID);
static_assert(static_cast<unsigned>(Capability::sys_chroot) == CAP_SYS_CHROOT);
static_assert(static_cast<unsigned>(Capability::net_admin) == CAP_NET_ADMIN);
static_assert(static_cast<unsigned>(Capability::ipc_lock) == CAP_IPC_LOCK);
static_assert(static_cast<unsigned>(Capability::sys_admin) == CAP_SYS_ADMIN);
static_assert(static_cast<unsigned>(Capability::perfmon) == CAP_PERFMON);
static_assert(static_cast<unsigned>(Capability::bpf) == CAP_BPF);

bool is_in_effect(unsigned number) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  return syscall(SYS_capget, &header, sets.data()) == 0 && (sets.at(number / 32).effective & 1U << (number % 32)) != 0;
}

const char* name_of(Capability capability) {
  switch (capability) {
    case Capability::setgid:
      return "CAP_SETGID";
    case Capability::setuid:
      return "CAP_SETUID";
    case Capability::sys_chroot:
      return "CAP_SYS_CHROOT";
    case Capability::net_admin:
      return "CAP_NET_ADMIN";
    case Capability::ipc_lock:
      return "CAP_IPC_LOCK";
    case Capability::sys_admin:
      return "CAP_SYS_ADMIN";
    case Capability::perfmon:
      return "CAP_PERFMON";
    case Capability::bpf:
      return "CAP_BPF";
  }
  return "a capability";
}

}  // namespace

bool has_capability(Capability capability) {
  const bool part_of_admin = capability == Capability::bpf || capability == Capability::perfmon;
  return is_in_effect(static_cast<unsigned>(capability)) || (part_of_admin && is_in_effect(CAP_SYS_ADMIN));
}

std::string missing_text(std::initializer_list<Capability> needed) {
  std::string names;
  for (const Capability capability : needed) {
    if (!has_capability(capability)) names += (names.empty() ? "" : ", ") + std::string(name_of(capability));
  }
  return names.empty() ? "" : kMissing + names + ")";
}

std::string missing_for_programs() {
  return missing_text({Capability::bpf, Capability::net_admin, Capability::perfmon});
}

}  // namespace nicsentry
