// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/tc_filters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/libbpf_messages.h"

namespace nicsentry {
namespace {

// linux/bpf.h of 6.6 and later.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr std::size_t kTcxPrograms = 64;  // the kernel's own limit (BPF_MPROG_MAX)

struct FilterDump {
  nlmsghdr header;
  tcmsg message;
};

// Calls act(type, payload) for each attribute.
template <typename Act>
void for_each_attribute(const rtattr* attribute, int length, Act act) {
  for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length)) {
    act(attribute->rta_type & NLA_TYPE_MASK, *attribute);
  }
}

std::string text_of(const rtattr& attribute) {
  const auto* text = static_cast<const char*>(RTA_DATA(&attribute));
  return {text, strnlen(text, RTA_PAYLOAD(&attribute))};
}

std::uint32_t number_of(const rtattr& attribute) {
  std::uint32_t number = 0;
  if (RTA_PAYLOAD(&attribute) >= sizeof(number)) {
    std::memcpy(&number, RTA_DATA(&attribute), sizeof(number));
  }
  return number;
}

// Nothing for what is no filter that packets meet: a classifier's head (handle 0), a hash table of u32, a filter of a
// later chain.
std::optional<TcFilter> parse_filter(const nlmsghdr& message) {
  const auto* tc = static_cast<const tcmsg*>(NLMSG_DATA(&message));
  TcFilter filter;
  filter.handle = tc->tcm_handle;
  filter.priority = TC_H_MAJ(tc->tcm_info) >> 16;
  std::uint32_t chain = 0;
  const auto* first = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(tc) + NLMSG_ALIGN(sizeof(*tc)));
  for_each_attribute(first, static_cast<int>(NLMSG_PAYLOAD(&message, sizeof(*tc))), [&](int type, const rtattr& at) {
    if (type == TCA_KIND) {
      filter.kind = text_of(at);
    } else if (type == TCA_CHAIN) {
      chain = number_of(at);
    } else if (type == TCA_OPTIONS && filter.kind == "bpf") {
      for_each_attribute(static_cast<const rtattr*>(RTA_DATA(&at)), static_cast<int>(RTA_PAYLOAD(&at)),
                         [&filter](int option, const rtattr& value) {
                           if (option == TCA_BPF_NAME) {
                             filter.name = text_of(value);
                           } else if (option == TCA_BPF_ID) {
                             filter.program_id = number_of(value);
                           }
                         });
    }
  });
  const bool is_table = filter.kind == "u32" && TC_U32_KEY(filter.handle) == 0;
  return chain == 0 && filter.handle != 0 && !is_table ? std::optional(std::move(filter)) : std::nullopt;
}

// Calls act(message) for each filter below `parent`. A qdisc's chains answer with RTM_NEWTFILTER only.
template <typename Act>
void dump_filters(int interface_index, Hook hook, Act act) {
  const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  FilterDump request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETTFILTER;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.tcm_family = AF_UNSPEC;
  request.message.tcm_ifindex = interface_index;
  request.message.tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook == Hook::tc_egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
  if (!fd || send(fd.get(), &request, sizeof(request), 0) < 0) {
    throw SystemError(errno, "asking for TC filters");
  }
  alignas(nlmsghdr) std::array<char, 32768> buffer{};
  while (true) {
    const ssize_t received = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) {
      continue;
    }
    if (received < 0) {
      throw SystemError(errno, "reading TC filters");
    }
    auto left = static_cast<unsigned>(received);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(answer, left);
         answer = NLMSG_NEXT(answer, left)) {
      if (answer->nlmsg_type == NLMSG_DONE || answer->nlmsg_type == NLMSG_ERROR) {
        return;  // an error: no such qdisc
      }
      if (answer->nlmsg_type == RTM_NEWTFILTER) {
        act(*answer);
      }
    }
  }
}

}  // namespace

std::vector<TcFilter> list_tc_filters(int interface_index, Hook hook) {
  std::vector<TcFilter> filters;
  dump_filters(interface_index, hook, [&filters](const nlmsghdr& message) {
    if (auto filter = parse_filter(message)) {
      filters.push_back(std::move(*filter));
    }
  });
  return filters;
}

std::vector<std::uint32_t> query_tcx(int interface_index, Hook hook) {
  const LibbpfMessages messages;
  std::vector<std::uint32_t> ids(kTcxPrograms);
  auto count = static_cast<__u32>(ids.size());
  const bool known = bpf_prog_query(interface_index, hook == Hook::tc_egress ? kTcxEgress : kTcxIngress, 0, nullptr,
                                    ids.data(), &count) == 0;
  ids.resize(known ? count : 0);  // an error: no such hook in this kernel, or none on this interface
  return ids;
}

bool has_tc_filters(int interface_index) {
  bool found = false;
  for (const Hook hook : {Hook::tc_ingress, Hook::tc_egress}) {
    dump_filters(interface_index, hook, [&found](const nlmsghdr& /*message*/) { found = true; });
  }
  return found;
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
