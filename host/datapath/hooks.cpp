// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <string>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/tc_filters.h"
#include "host/datapath/xdp_dispatcher.h"

namespace nicsentry {
namespace {

// Ours among the filters of a TC hook. Priorities below it stay free for filters that are to come before.
constexpr std::uint32_t kTcHandle = 0x4e53;

std::uint32_t xdp_flag(Mode mode) {
  switch (mode) {
    case Mode::hw:
      return XDP_FLAGS_HW_MODE;
    case Mode::drv:
      return XDP_FLAGS_DRV_MODE;
    default:
      return XDP_FLAGS_SKB_MODE;
  }
}

bpf_tc_hook tc_hook(int interface_index, Hook hook) {
  bpf_tc_hook made{};
  made.sz = sizeof(made);
  made.ifindex = interface_index;
  made.attach_point = hook == Hook::tc_ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return made;
}

bpf_tc_opts tc_options() {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = kTcHandle;
  options.priority = kOwnTcPriority;
  return options;
}

std::string describe(const Program& program, const Interface& port, Hook hook, Mode mode) {
  return "attaching program " + std::to_string(program.id()) + " to " + port.name + " (" + hook_name(hook) + ", mode " +
         mode_name(mode) + ")";
}

bool attach_tc(const Interface& port, Hook hook, const Program& program, const std::string& what) {
  const LibbpfMessages messages;
  bpf_tc_hook where = tc_hook(port.index, hook);
  const int made = bpf_tc_hook_create(&where);
  if (made != 0 && made != -EEXIST) {
    throw SystemError(-made, what + ": making the clsact qdisc",
                      missing_text({Capability::net_admin}) + messages.detail());
  }
  bpf_tc_opts options = tc_options();
  options.prog_fd = program.fd();
  const int result = bpf_tc_attach(&where, &options);
  if (result != 0) {
    if (made == 0) {
      remove_clsact(port.index);
    }
    throw SystemError(-result, what, missing_text({Capability::net_admin}) + messages.detail());
  }
  return made == 0;
}

void replace_xdp(const Interface& port, Mode mode, ProgramRef from, ProgramRef to, const std::string& what) {
  const LibbpfMessages messages;
  bpf_xdp_attach_opts options{};
  options.sz = sizeof(options);
  options.old_prog_fd = from.fd;
  const int result = bpf_xdp_attach(port.index, to.fd, xdp_flag(mode) | XDP_FLAGS_REPLACE, &options);
  if (result != 0) {
    throw SystemError(-result, what, missing_text({Capability::net_admin}) + messages.detail());
  }
}

void replace_tc(const Interface& port, Hook hook, ProgramRef from, ProgramRef to, const std::string& what) {
  const std::uint32_t there = query_tc(port, hook);
  if (there != from.id) {
    throw Error(what + ": the hook holds program " + std::to_string(there) + " now");
  }
  const LibbpfMessages messages;
  const bpf_tc_hook where = tc_hook(port.index, hook);
  bpf_tc_opts options = tc_options();
  options.prog_fd = to.fd;
  options.flags = BPF_TC_F_REPLACE;
  const int result = bpf_tc_attach(&where, &options);
  if (result != 0) {
    throw SystemError(-result, what, missing_text({Capability::net_admin}) + messages.detail());
  }
}

void detach_xdp(const Interface& port, Mode mode, std::uint32_t program_id) {
  const std::uint32_t there = query_xdp(port).in(mode);
  if (there != program_id) {
    if (there != 0 && is_dispatcher(there)) {
      leave_dispatcher(port, program_id);
    }
    return;
  }
  const LibbpfMessages messages;
  // Without XDP_FLAGS_REPLACE: an offloading driver may not take it. The window between look and act is that of a
  // human's own `ip link`.
  const int result = bpf_xdp_detach(port.index, xdp_flag(mode), nullptr);
  if (result != 0 && result != -ENODEV) {
    throw SystemError(-result, "detaching program " + std::to_string(program_id) + " from " + port.name,
                      missing_text({Capability::net_admin}) + messages.detail());
  }
}

void detach_tc(const Interface& port, Hook hook, std::uint32_t program_id, bool remove_qdisc) {
  if (query_tc(port, hook) == program_id) {
    const LibbpfMessages messages;
    const bpf_tc_hook where = tc_hook(port.index, hook);
    const bpf_tc_opts options = tc_options();
    const int result = bpf_tc_detach(&where, &options);
    if (result != 0 && result != -ENODEV && result != -ENOENT) {
      throw SystemError(-result, "detaching program " + std::to_string(program_id) + " from " + port.name,
                        missing_text({Capability::net_admin}) + messages.detail());
    }
  }
  if (remove_qdisc && !has_tc_filters(port.index)) {
    remove_clsact(port.index);
  }
}

}  // namespace

XdpPrograms query_xdp(const Interface& port) {
  const LibbpfMessages messages;
  bpf_xdp_query_opts options{};
  options.sz = sizeof(options);
  const int result = bpf_xdp_query(port.index, 0, &options);
  if (result != 0) {
    throw SystemError(-result, "asking for the XDP programs on " + port.name, messages.detail());
  }
  XdpPrograms programs{options.hw_prog_id, options.drv_prog_id, options.skb_prog_id};
  // With a single program the kernel may name it only once, with its mode beside it.
  if (options.attach_mode == XDP_ATTACHED_HW && programs.hw == 0) programs.hw = options.prog_id;
  if (options.attach_mode == XDP_ATTACHED_DRV && programs.drv == 0) programs.drv = options.prog_id;
  if (options.attach_mode == XDP_ATTACHED_SKB && programs.skb == 0) programs.skb = options.prog_id;
  return programs;
}

std::uint32_t query_tc(const Interface& port, Hook hook) {
  const LibbpfMessages messages;
  const bpf_tc_hook where = tc_hook(port.index, hook);
  bpf_tc_opts options = tc_options();
  const int result = bpf_tc_query(&where, &options);
  if (result == -ENOENT || result == -EINVAL || result == -ENODEV || result == -EOPNOTSUPP) {
    return 0;  // no such filter, or not even the qdisc
  }
  if (result != 0) {
    throw SystemError(-result, "asking for the TC filter on " + port.name, messages.detail());
  }
  return options.prog_id;
}

bool attach_program(const Interface& port, Hook hook, Mode mode, const Program& program) {
  const std::string what = describe(program, port, hook, mode);
  if (hook != Hook::xdp) {
    return attach_tc(port, hook, program, what);
  }
  const LibbpfMessages messages;
  const int result = bpf_xdp_attach(port.index, program.fd(), xdp_flag(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
  if (result != 0) {
    throw SystemError(-result, what, missing_text({Capability::net_admin}) + messages.detail());
  }
  return false;
}

void replace_program(const Interface& port, Hook hook, Mode mode, ProgramRef from, ProgramRef to) {
  const std::string what = "replacing program " + std::to_string(from.id) + " by " + std::to_string(to.id) + " on " +
                           port.name + " (" + hook_name(hook) + ", mode " + mode_name(mode) + ")";
  if (hook == Hook::xdp) {
    replace_xdp(port, mode, from, to, what);
  } else {
    replace_tc(port, hook, from, to, what);
  }
}

void detach_program(const Interface& port, Hook hook, Mode mode, std::uint32_t program_id, bool remove_qdisc) {
  if (!interface_exists(port.index)) {
    return;
  }
  if (hook == Hook::xdp) {
    detach_xdp(port, mode, program_id);
  } else {
    detach_tc(port, hook, program_id, remove_qdisc);
  }
}

}  // namespace nicsentry
