// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/user_hooks.h"

#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/extensions.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/loaded_program.h"
#include "host/datapath/object_handle.h"
#include "host/datapath/tc_filters.h"
#include "host/datapath/xdp_dispatcher.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kUserHandle = 0x4e55;
constexpr std::uint32_t kLastPriority = 0xffff;

bpf_tc_hook tc_hook_of(const Interface& port, Hook hook) {
  bpf_tc_hook made{};
  made.sz = sizeof(made);
  made.ifindex = port.index;
  made.attach_point = hook == Hook::tc_ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return made;
}

bpf_tc_opts tc_options_of(std::uint32_t priority) {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = kUserHandle;
  options.priority = priority;
  return options;
}

std::string what_of(const char* act, const Interface& port, UserHook where) {
  return std::string(act) + " " + port.name + " (" + hook_name(where.hook) + ", mode " + mode_name(where.mode) + ")";
}

// Beside nicsentry's own program with the same number, who is in front would depend on who came last.
void require_other_priority(const std::string& what, std::uint32_t priority, std::uint32_t own) {
  if (priority == own) {
    throw Conflict(what + ": priority " + std::to_string(own) + " is that of nicsentry's own program; a lower one is " +
                   "in front of it, a higher one behind");
  }
}

void attach_on_tc(const Interface& port, UserHook where, std::uint32_t priority, int fd) {
  const std::string what = what_of("attaching to", port, where);
  require_other_priority(what, priority, kOwnTcPriority);
  for (const TcFilter& filter : list_tc_filters(port.index, where.hook)) {
    if (filter.priority == priority && filter.handle == kUserHandle) {
      throw Conflict(what + ": program " + std::to_string(filter.program_id) + " (" + filter.name + ") has priority " +
                     std::to_string(priority) + " there");
    }
  }
  const LibbpfMessages messages;
  const bpf_tc_hook hook = tc_hook_of(port, where.hook);
  bpf_tc_opts options = tc_options_of(priority);
  options.prog_fd = fd;
  const int result = bpf_tc_attach(&hook, &options);
  if (result != 0) {
    throw SystemError(-result, what, missing_text({Capability::net_admin}) + messages.detail());
  }
}

void attach_alone(const Interface& port, UserHook where, int fd) {
  const LibbpfMessages messages;
  const std::uint32_t flags = where.mode == Mode::hw    ? XDP_FLAGS_HW_MODE
                              : where.mode == Mode::drv ? XDP_FLAGS_DRV_MODE
                                                        : XDP_FLAGS_SKB_MODE;
  const int result = bpf_xdp_attach(port.index, fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
  if (result != 0) {
    throw SystemError(-result, what_of("attaching to", port, where),
                      missing_text({Capability::net_admin}) + messages.detail());
  }
}

void attach_on_card(const Interface& port, UserHook where, std::uint32_t priority, int fd) {
  const std::string what = what_of("attaching to", port, where);
  if (priority != 0) {
    throw Conflict(what + ": there is no priority on a card, where one program runs a port");
  }
  if (const std::uint32_t id = query_xdp(port).hw; id != 0) {
    throw Conflict(what + ": program " + std::to_string(id) + " (" + describe_program(id).name +
                   ") is on the card, where one program runs a port");
  }
  attach_alone(port, where, fd);
}

void require_free_xdp(const Interface& port, UserHook where, bool alone) {
  const std::string what = what_of("attaching to", port, where);
  const XdpPrograms there = query_xdp(port);
  for (const std::uint32_t id : {there.drv, there.skb}) {  // a card's program runs beside one of the host
    const bool dispatcher = id != 0 && is_dispatcher(id);
    if (dispatcher && alone) {
      throw Conflict(what +
                     ": libxdp's dispatcher is there; a program whose maps are swapped on read cannot stand "
                     "behind it; mode tc stands beside it");
    }
    if (id != 0 && !dispatcher) {
      throw Conflict(what + ": program " + std::to_string(id) + " (" + describe_program(id).name +
                     ") is there, and only one XDP program can be; mode tc stands beside it" +
                     (may_use_dispatcher() && kernel_takes_dispatcher()
                          ? ", and what stands behind libxdp's dispatcher lets others in (run --dispatcher)"
                          : "; libxdp's dispatcher, which lets others in, cannot be used here"));
    }
  }
}

std::string attach_on_xdp(const Interface& port, UserHook where, std::uint32_t priority, const UserObject& program,
                          bool alone) {
  require_other_priority(what_of("attaching to", port, where), priority, kOwnXdpPriority);
  require_free_xdp(port, where, alone);
  if (alone) {
    attach_alone(port, where, program.program_fd());
    return "";
  }
  if (!may_use_dispatcher()) {
    attach_alone(port, where, program.program_fd());
    return cannot_use_dispatcher(kDispatcherRights);
  }
  try {
    const JoinedProgram joined = program.join(port, where.mode, priority != 0 ? std::optional(priority) : std::nullopt);
    if (!joined.why_alone.empty()) {  // what stands alone is what is pinned, and can be replaced
      const LoadedProgram own = describe_loaded(duplicate(program.program_fd()));
      replace_program(port, where.hook, where.mode, {joined.id, joined.fd.get()}, {own.id, own.fd.get()});
    }
    return joined.why_alone;
  } catch (const SystemError& error) {
    if (query_xdp(port).in(where.mode) != 0) {
      throw;
    }
    attach_alone(port, where, program.program_fd());
    const std::string why = error.what();
    return cannot_use_dispatcher(why.substr(0, why.find('\n')));
  }
}

// Whether one program is what UserObject::join() made of the other.
bool is_second(const LoadedProgram& first, const std::set<std::uint32_t>& maps, std::uint32_t id) {
  const LoadedProgram second = open_program(id);
  return second.name == first.name && second.tag == first.tag && map_ids_of(second.fd.get()) == maps;
}

std::optional<UserPlace> find_on_xdp(const Interface& port, UserHook where, std::uint32_t id) {
  const std::uint32_t on_hook = query_xdp(port).in(where.mode);
  if (on_hook == id) {
    return UserPlace{0, id};
  }
  if (on_hook == 0 || where.mode == Mode::hw || !may_use_dispatcher()) {
    return std::nullopt;
  }
  const LoadedProgram first = open_program(id);
  const std::set<std::uint32_t> maps = map_ids_of(first.fd.get());
  for (const std::uint32_t called : extensions_of(on_hook)) {
    if (is_second(first, maps, called)) {
      return UserPlace{dispatcher_priority(port, called).value_or(kDispatcherPriority), called};
    }
  }
  if (is_second(first, maps, on_hook)) {  // a load was interrupted before it put the first one there
    return UserPlace{0, on_hook};
  }
  return std::nullopt;
}

}  // namespace

std::optional<UserPlace> find_user_program(const Interface& port, UserHook where, std::uint32_t id) {
  if (where.hook == Hook::xdp) {
    return find_on_xdp(port, where, id);
  }
  for (const TcFilter& filter : list_tc_filters(port.index, where.hook)) {
    if (filter.program_id == id && filter.handle == kUserHandle) {
      return UserPlace{filter.priority, id};
    }
  }
  return std::nullopt;
}

std::uint32_t free_user_priority(const Interface& port, Hook hook) {
  const std::vector<TcFilter> filters = list_tc_filters(port.index, hook);
  for (std::uint32_t priority = kFirstUserPriority; priority <= kLastPriority; ++priority) {
    if (std::none_of(filters.begin(), filters.end(),
                     [priority](const auto& one) { return one.priority == priority; })) {
      return priority;
    }
  }
  throw Conflict("no priority from " + std::to_string(kFirstUserPriority) + " on is free on " + port.name);
}

bool make_tc_hooks(const Interface& port) {
  const LibbpfMessages messages;
  bpf_tc_hook hook = tc_hook_of(port, Hook::tc_ingress);
  const int made = bpf_tc_hook_create(&hook);
  if (made != 0 && made != -EEXIST) {
    throw SystemError(-made, "making the clsact qdisc of " + port.name,
                      missing_text({Capability::net_admin}) + messages.detail());
  }
  return made == 0;
}

std::string attach_user_program(const Interface& port, UserHook where, std::uint32_t priority,
                                const UserObject& program, bool alone) {
  if (where.mode == Mode::hw) {
    attach_on_card(port, where, priority, program.program_fd());
    return "";
  }
  if (where.hook == Hook::xdp) {
    return attach_on_xdp(port, where, priority, program, alone);
  }
  attach_on_tc(port, where, priority, program.program_fd());
  return "";
}

void replace_user_program(const Interface& port, UserHook where, std::uint32_t priority, ProgramRef from,
                          ProgramRef to) {
  if (where.hook == Hook::xdp) {
    replace_program(port, where.hook, where.mode, from, to);
    return;
  }
  const std::string what = what_of("replacing a program on", port, where);
  const auto place = find_user_program(port, where, from.id);
  if (!place || place->priority != priority) {
    throw Conflict(what + ": program " + std::to_string(from.id) + " is not there any more");
  }
  const LibbpfMessages messages;
  const bpf_tc_hook hook = tc_hook_of(port, where.hook);
  bpf_tc_opts options = tc_options_of(priority);
  options.prog_fd = to.fd;
  options.flags = BPF_TC_F_REPLACE;
  const int result = bpf_tc_attach(&hook, &options);
  if (result != 0) {
    throw SystemError(-result, what, missing_text({Capability::net_admin}) + messages.detail());
  }
}

void detach_user_program(const Interface& port, UserHook where, std::uint32_t id, bool remove_qdisc) {
  if (where.hook == Hook::xdp) {
    if (const auto place = find_user_program(port, where, id)) {
      detach_program(port, where.hook, where.mode, place->running, false);
    }
    return;
  }
  if (const auto place = find_user_program(port, where, id)) {
    const LibbpfMessages messages;
    const bpf_tc_hook hook = tc_hook_of(port, where.hook);
    const bpf_tc_opts options = tc_options_of(place->priority);
    const int result = bpf_tc_detach(&hook, &options);
    if (result != 0 && result != -ENODEV && result != -ENOENT) {
      throw SystemError(-result, what_of("detaching from", port, where),
                        missing_text({Capability::net_admin}) + messages.detail());
    }
  }
  if (remove_qdisc && !has_tc_filters(port.index)) {
    remove_clsact(port.index);
  }
}

}  // namespace nicsentry
