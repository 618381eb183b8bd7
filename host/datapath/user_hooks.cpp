// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/user_hooks.h"

#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/tc_filters.h"

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

void attach_on_tc(const Interface& port, UserHook where, std::uint32_t priority, int fd) {
  const std::string what = what_of("attaching to", port, where);
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

void attach_on_xdp(const Interface& port, UserHook where, int fd) {
  const std::string what = what_of("attaching to", port, where);
  const XdpPrograms there = query_xdp(port);
  for (const std::uint32_t id : {there.hw, there.drv, there.skb}) {
    if (id != 0) {
      throw Conflict(what + ": program " + std::to_string(id) + " (" + describe_program(id).name +
                     ") is there, and only one XDP program can be; mode tc stands beside it");
    }
  }
  const LibbpfMessages messages;
  const std::uint32_t flags = where.mode == Mode::drv ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const int result = bpf_xdp_attach(port.index, fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
  if (result != 0) {
    throw SystemError(-result, what, missing_text({Capability::net_admin}) + messages.detail());
  }
}

}  // namespace

std::optional<std::uint32_t> find_user_program(const Interface& port, UserHook where, std::uint32_t id) {
  if (where.hook == Hook::xdp) {
    return query_xdp(port).in(where.mode) == id ? std::optional<std::uint32_t>(0) : std::nullopt;
  }
  for (const TcFilter& filter : list_tc_filters(port.index, where.hook)) {
    if (filter.program_id == id && filter.handle == kUserHandle) {
      return filter.priority;
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

void attach_user_program(const Interface& port, UserHook where, std::uint32_t priority, int fd) {
  if (where.hook == Hook::xdp) {
    attach_on_xdp(port, where, fd);
  } else {
    attach_on_tc(port, where, priority, fd);
  }
}

void replace_user_program(const Interface& port, UserHook where, std::uint32_t priority, ProgramRef from,
                          ProgramRef to) {
  if (where.hook == Hook::xdp) {
    replace_program(port, where.hook, where.mode, from, to);
    return;
  }
  const std::string what = what_of("replacing a program on", port, where);
  if (find_user_program(port, where, from.id) != priority) {
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
    detach_program(port, where.hook, where.mode, id, false);
    return;
  }
  if (const auto priority = find_user_program(port, where, id)) {
    const LibbpfMessages messages;
    const bpf_tc_hook hook = tc_hook_of(port, where.hook);
    const bpf_tc_opts options = tc_options_of(*priority);
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
