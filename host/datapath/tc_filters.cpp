// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/tc_filters.h"

#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/libbpf_messages.h"

namespace nicsentry {
namespace {

struct FilterDump {
  nlmsghdr header;
  tcmsg message;
};

// One dump of the filters below `parent`; true at the first filter. A qdisc's chains answer with RTM_NEWTFILTER only.
bool dump_has_filter(int fd, int interface_index, std::uint32_t parent) {
  FilterDump request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETTFILTER;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.tcm_family = AF_UNSPEC;
  request.message.tcm_ifindex = interface_index;
  request.message.tcm_parent = parent;
  if (send(fd, &request, sizeof(request), 0) < 0) {
    throw SystemError(errno, "asking for TC filters");
  }
  bool found = false;
  std::array<char, 32768> buffer{};
  while (true) {
    const ssize_t received = recv(fd, buffer.data(), buffer.size(), 0);
    if (received < 0) {
      throw SystemError(errno, "reading TC filters");
    }
    auto left = static_cast<unsigned>(received);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(answer, left);
         answer = NLMSG_NEXT(answer, left)) {
      if (answer->nlmsg_type == NLMSG_DONE || answer->nlmsg_type == NLMSG_ERROR) {
        return found;  // an error: no such qdisc
      }
      found = found || answer->nlmsg_type == RTM_NEWTFILTER;
    }
  }
}

}  // namespace

bool has_tc_filters(int interface_index) {
  const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) {
    throw SystemError(errno, "opening a netlink socket");
  }
  return dump_has_filter(fd.get(), interface_index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
         dump_has_filter(fd.get(), interface_index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
}

void remove_clsact(int interface_index) {
  const LibbpfMessages messages;
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = interface_index;
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  bpf_tc_hook_destroy(&hook);
}

}  // namespace nicsentry
