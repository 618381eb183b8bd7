// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "host/base/unique_fd.h"
#include "host/datapath/interface.h"
#include "host/datapath/mode.h"

struct bpf_object;
struct xdp_multiprog;
struct xdp_program;

namespace nicsentry {

// libxdp's dispatcher: an XDP program that calls up to ten others, the lowest priority first, for as long as they
// return XDP_PASS (or what else they name as the actions after which it goes on). Its programs replace functions of it
// (extensions.h). libxdp makes a new dispatcher for each change and puts it in place of the old one in one step: the
// id of the hook's program changes, those of the called ones do not. All of this takes CAP_SYS_ADMIN.

// libxdp's for a program that names none.
constexpr std::uint32_t kDispatcherPriority = 50;
// The priority of nicsentry's own program (bpf_offload/hook_xdp.h).
constexpr std::uint32_t kOwnXdpPriority = 5;

// Whether this process may use dispatchers.
bool may_use_dispatcher();
// Whether the kernel has programs that replace functions of others, which a dispatcher takes.
bool kernel_takes_dispatcher();
constexpr const char* kDispatcherRights = "it takes CAP_SYS_ADMIN beside CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON";
// How a program says that it stands alone.
std::string cannot_use_dispatcher(const std::string& reason);

// Whether a program is one.
bool is_dispatcher(std::uint32_t program_id);

struct JoinedProgram {
  UniqueFd fd;
  std::uint32_t id = 0;
  std::string why_alone;  // the program stands on the hook itself, as the kernel refuses the dispatcher, or there is no
                          // BPF file system; else empty
};

// Loads an object's first program of this section and puts it on a port behind the dispatcher that is there, or behind
// a new one where the hook is free. The object must be opened and not loaded. `priority`: nothing: what the program
// itself says, else kDispatcherPriority. Throws Conflict where a program stands alone on the hook, SystemError.
JoinedProgram join_dispatcher(const Interface& port, Mode mode, bpf_object* object, const std::string& section,
                              std::optional<std::uint32_t> priority);

// A program's place behind a port's dispatcher: its priority, the actions after which the dispatcher goes on, and
// whether it takes frames in fragments. These are the dispatcher's own numbers. The program itself may name others,
// and libxdp does not set them for a program that is loaded. Holds the program, and no other.
class DispatcherPlace {
 public:
  // Nothing where the program is not behind the port's dispatcher, or libxdp does not find it there. Throws
  // SystemError.
  static std::optional<DispatcherPlace> find(const Interface& port, std::uint32_t program_id);
  // The same, but throws SystemError where there is none.
  static DispatcherPlace require(const Interface& port, std::uint32_t program_id);

  std::uint32_t priority() const;
  // Puts the program, which was taken off, behind the port's dispatcher or a new one again. Throws like
  // join_dispatcher().
  void rejoin(const Interface& port, Mode mode) const;

 private:
  struct CloseList {
    void operator()(xdp_multiprog* list) const;
  };
  using List = std::unique_ptr<xdp_multiprog, CloseList>;

  DispatcherPlace(List list, xdp_program* program) : list_(std::move(list)), program_(program) {}

  List list_;
  xdp_program* program_;  // of the list
};

// Puts a program that was behind a dispatcher behind one again where its place is not known: with the priority that
// the program itself says, which is returned. Throws like join_dispatcher().
std::uint32_t rejoin_dispatcher(const Interface& port, Mode mode, int fd);

// Takes a program from behind the port's dispatcher, and the dispatcher off with its last one. Quiet when it is not
// there. Throws SystemError.
void leave_dispatcher(const Interface& port, std::uint32_t program_id);

// The priority of a program behind the port's dispatcher; nothing where it is not there.
std::optional<std::uint32_t> dispatcher_priority(const Interface& port, std::uint32_t program_id);

}  // namespace nicsentry
