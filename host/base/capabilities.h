// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <initializer_list>
#include <string>

namespace nicsentry {

// Rights of a process, by their numbers in linux/capability.h.
enum class Capability : unsigned {
  setgid = 6,
  setuid = 7,
  net_admin = 12,
  ipc_lock = 14,
  sys_chroot = 18,
  sys_admin = 21,
  perfmon = 38,
  bpf = 39
};

// Whether it is in effect. CAP_SYS_ADMIN is CAP_BPF and CAP_PERFMON, too.
bool has_capability(Capability capability);

// " (missing: CAP_BPF, CAP_PERFMON)": which of these are not in effect; empty where all are.
std::string missing_text(std::initializer_list<Capability> needed);
// The same of those that loading, attaching and driving programs takes.
std::string missing_for_programs();

// The beginning of such a text.
inline constexpr const char* kMissing = " (missing: ";

}  // namespace nicsentry
