// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/xdp_dispatcher.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/extensions.h"
#include "host/datapath/hooks.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/object_handle.h"

namespace nicsentry {
namespace {

constexpr const char* kDispatcherName = "xdp_dispatcher";

thread_local std::string said;

int collect_said(enum libxdp_print_level level, const char* format, va_list arguments) {
  std::array<char, 1024> text{};
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  if (level != LIBXDP_DEBUG) {
    said += text.data();
  }
  return length;
}

// Collects what libxdp says on this thread while it lives, in place of standard error.
class LibxdpMessages {
 public:
  LibxdpMessages() {
    said.clear();
    libxdp_set_print(collect_said);
  }
  ~LibxdpMessages() { said.clear(); }
  LibxdpMessages(const LibxdpMessages&) = delete;
  LibxdpMessages& operator=(const LibxdpMessages&) = delete;

  // As LibbpfMessages has it, with what libbpf said.
  std::string detail() const {
    std::string text = libbpf_.detail();
    for (const std::string& line : lines()) {
      text += "\n  " + line;
    }
    return text;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> found;
    std::istringstream stream(said);
    for (std::string line; std::getline(stream, line);) {
      const std::size_t begin = line.find_first_not_of(' ');
      if (begin != std::string::npos) {
        found.push_back(line.substr(begin));
      }
    }
    return found;
  }

 private:
  const LibbpfMessages libbpf_;
};

struct CloseProgram {
  void operator()(xdp_program* program) const { xdp_program__close(program); }
};
using XdpProgram = std::unique_ptr<xdp_program, CloseProgram>;

struct CloseMultiprog {
  void operator()(xdp_multiprog* programs) const { xdp_multiprog__close(programs); }
};
using Multiprog = std::unique_ptr<xdp_multiprog, CloseMultiprog>;

// Takes over what libxdp returned. Throws SystemError.
XdpProgram checked(xdp_program* program, const std::string& what, const LibxdpMessages& messages) {
  if (const long code = libxdp_get_error(program); code != 0) {
    throw SystemError(static_cast<int>(-code), what, messages.detail());
  }
  return XdpProgram(program);
}

// Null where the hook is free, or holds a program that is no dispatcher.
Multiprog open_dispatcher(const Interface& port) {
  Multiprog programs;
  xdp_multiprog* found = xdp_multiprog__get_from_ifindex(port.index);
  if (libxdp_get_error(found) == 0) {
    programs.reset(found);
  }
  return programs && !xdp_multiprog__is_legacy(programs.get()) ? std::move(programs) : nullptr;
}

// Belongs to `programs`; null where it has none of this id.
xdp_program* find_dispatched(const Multiprog& programs, std::uint32_t program_id) {
  xdp_program* program = nullptr;
  while (programs && (program = xdp_multiprog__next_prog(program, programs.get())) != nullptr) {
    if (xdp_program__id(program) == program_id) {
      return program;
    }
  }
  return nullptr;
}

std::string what_of_dispatcher(const char* act, const Interface& port) {
  return std::string(act) + " libxdp's dispatcher on " + port.name;
}

void require_rights(const std::string& what) {
  if (!may_use_dispatcher()) {
    throw SystemError(EPERM, what + ": " + kDispatcherRights);
  }
}

// Nobody but a dispatcher lets others in.
void require_room(const Interface& port, const std::string& what) {
  const XdpPrograms there = query_xdp(port);
  for (const std::uint32_t id : {there.drv, there.skb}) {
    if (id != 0 && !is_dispatcher(id)) {
      throw Conflict(what + ": program " + std::to_string(id) + " (" + describe_program(id).name +
                     ") stands alone there, and no dispatcher calls it");
    }
  }
}

std::string why_alone(const Interface& port, Mode mode, std::uint32_t id, const LibxdpMessages& messages) {
  if (query_xdp(port).in(mode) != id) {
    return "";
  }
  std::string reasons;
  for (const std::string& line : messages.lines()) {
    reasons += (reasons.empty() ? "" : "; ") + line;
  }
  return cannot_use_dispatcher(reasons);
}

void attach(const Interface& port, Mode mode, xdp_program* program, const std::string& what,
            const LibxdpMessages& messages) {
  const int result = xdp_program__attach(program, port.index, mode == Mode::drv ? XDP_MODE_NATIVE : XDP_MODE_SKB, 0);
  if (result != 0) {
    throw SystemError(-result, what, messages.detail());
  }
}

SystemError not_found(const std::string& what, std::uint32_t program_id, const std::string& detail) {
  return {ENOENT,
          what + ": libxdp does not find program " + std::to_string(program_id) +
              " there; LIBXDP_BPFFS names its BPF file system",
          detail};
}

// libxdp finds a dispatcher's programs by their pins: without its BPF file system it finds none.
void require_gone(const Interface& port, std::uint32_t program_id, const LibxdpMessages& messages) {
  const XdpPrograms there = query_xdp(port);
  for (const std::uint32_t on_hook : {there.drv, there.skb}) {
    const std::vector<std::uint32_t> called = on_hook != 0 ? extensions_of(on_hook) : std::vector<std::uint32_t>();
    if (std::find(called.begin(), called.end(), program_id) != called.end()) {
      throw not_found(what_of_dispatcher("leaving", port), program_id, messages.detail());
    }
  }
}

// libxdp gives no program out of its list, and the list keeps the dispatcher and the programs of others loaded. Their
// descriptors become ones of /dev/null: libxdp closes the numbers with the list.
void let_go_of_others(const Multiprog& list, const xdp_program* kept, const std::string& what) {
  std::vector<const xdp_program*> others{xdp_multiprog__main_prog(list.get()), xdp_multiprog__hw_prog(list.get())};
  xdp_program* program = nullptr;
  while ((program = xdp_multiprog__next_prog(program, list.get())) != nullptr) {
    others.push_back(program);
  }
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const xdp_program* other : others) {
    if (other != nullptr && other != kept && ::dup3(nothing.get(), xdp_program__fd(other), O_CLOEXEC) < 0) {
      throw SystemError(errno, what + ": letting go of other programs");
    }
  }
}

// Where the hook has room.
void attach_loaded(const Interface& port, Mode mode, xdp_program* program, const std::string& what,
                   const LibxdpMessages& messages) {
  require_rights(what);
  require_room(port, what);
  attach(port, mode, program, what, messages);
}

}  // namespace

bool may_use_dispatcher() {
  std::uint32_t id = 0;
  return bpf_link_get_next_id(0, &id) == 0 || errno != EPERM;
}

bool kernel_takes_dispatcher() {
  const LibbpfMessages messages;
  return libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nullptr) == 1;
}

std::string cannot_use_dispatcher(const std::string& reason) {
  return "libxdp's dispatcher cannot be used here (" + reason + ")";
}

bool is_dispatcher(std::uint32_t program_id) {
  const UniqueFd fd(bpf_prog_get_fd_by_id(program_id));
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  return fd && bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 && info.type == BPF_PROG_TYPE_XDP &&
         std::strcmp(info.name, kDispatcherName) == 0;
}

JoinedProgram join_dispatcher(const Interface& port, Mode mode, bpf_object* object, const std::string& section,
                              std::optional<std::uint32_t> priority) {
  const std::string what = what_of_dispatcher("joining", port);
  require_rights(what);
  require_room(port, what);
  const LibxdpMessages messages;
  const XdpProgram program = checked(xdp_program__from_bpf_obj(object, section.c_str()), what, messages);
  if (priority) {
    if (const int result = xdp_program__set_run_prio(program.get(), *priority); result != 0) {
      throw SystemError(-result, what + ": setting priority " + std::to_string(*priority), messages.detail());
    }
  }
  attach(port, mode, program.get(), what, messages);
  const std::uint32_t id = xdp_program__id(program.get());
  return {duplicate(xdp_program__fd(program.get())), id, why_alone(port, mode, id, messages)};
}

void DispatcherPlace::CloseList::operator()(xdp_multiprog* list) const { xdp_multiprog__close(list); }

std::optional<DispatcherPlace> DispatcherPlace::find(const Interface& port, std::uint32_t program_id) {
  const LibxdpMessages messages;
  Multiprog list = open_dispatcher(port);
  xdp_program* program = find_dispatched(list, program_id);
  if (program == nullptr) {
    return std::nullopt;
  }
  let_go_of_others(list, program, what_of_dispatcher("reading", port));
  return DispatcherPlace(List(list.release()), program);
}

DispatcherPlace DispatcherPlace::require(const Interface& port, std::uint32_t program_id) {
  std::optional<DispatcherPlace> place = find(port, program_id);
  if (!place) {
    throw not_found(what_of_dispatcher("reading", port), program_id, "");
  }
  return *std::move(place);
}

std::uint32_t DispatcherPlace::priority() const { return xdp_program__run_prio(program_); }

void DispatcherPlace::rejoin(const Interface& port, Mode mode) const {
  const LibxdpMessages messages;
  attach_loaded(port, mode, program_, what_of_dispatcher("joining", port), messages);
}

std::uint32_t rejoin_dispatcher(const Interface& port, Mode mode, int fd) {
  const std::string what = what_of_dispatcher("joining", port);
  const LibxdpMessages messages;
  const XdpProgram program = checked(xdp_program__from_fd(fd), what, messages);
  attach_loaded(port, mode, program.get(), what, messages);
  return xdp_program__run_prio(program.get());
}

void leave_dispatcher(const Interface& port, std::uint32_t program_id) {
  const LibxdpMessages messages;
  const Multiprog programs = open_dispatcher(port);
  xdp_program* program = find_dispatched(programs, program_id);
  if (program == nullptr) {
    require_gone(port, program_id, messages);
    return;
  }
  const int result = xdp_program__detach(program, port.index, xdp_multiprog__attach_mode(programs.get()), 0);
  if (result != 0 && result != -ENODEV && result != -ENOENT) {
    throw SystemError(-result, what_of_dispatcher("leaving", port), messages.detail());
  }
}

std::optional<std::uint32_t> dispatcher_priority(const Interface& port, std::uint32_t program_id) {
  const LibxdpMessages messages;
  const Multiprog programs = open_dispatcher(port);
  const xdp_program* program = find_dispatched(programs, program_id);
  return program != nullptr ? std::optional(xdp_program__run_prio(program)) : std::nullopt;
}

}  // namespace nicsentry
