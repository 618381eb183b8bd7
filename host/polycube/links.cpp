// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/links.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <span>

#include "host/base/error.h"
#include "host/datapath/interface.h"
#include "host/lockout/netlink_dump.h"

namespace nicsentry::polycube {
namespace {

struct CloseLinkSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

constexpr std::size_t kBuffer = 8192;
constexpr const char* kBridgeKind = "bridge";
constexpr const char* kMark = "nicsentry serve --polycube";

// Sends one change of a link and waits for the kernel's word that it is done.
void change_link(std::uint16_t type, std::uint16_t flags, const ifinfomsg& link, const std::string& what,
                 const std::function<void(nlmsghdr*)>& add_attributes) {
  const std::unique_ptr<mnl_socket, CloseLinkSocket> socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    throw SystemError(errno, what);
  }
  alignas(nlmsghdr) std::array<char, kBuffer> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  message->nlmsg_seq = 1;
  *static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(link))) = link;
  add_attributes(message);
  if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) {
    throw SystemError(errno, what);
  }
  const ssize_t bytes = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
  if (bytes < 0 || mnl_cb_run(buffer.data(), static_cast<std::size_t>(bytes), 1, mnl_socket_get_portid(socket.get()),
                              nullptr, nullptr) == MNL_CB_ERROR) {
    throw SystemError(errno, what);
  }
}

ifinfomsg going_up(int index) {
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = index;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  return link;
}

struct Link {
  std::string name;
  std::string alias;
  std::string kind;
};

int take_text(const nlattr* attribute, void* link) {
  Link& into = *static_cast<Link*>(link);
  switch (mnl_attr_get_type(attribute)) {
    case IFLA_IFNAME:
      into.name = mnl_attr_get_str(attribute);
      break;
    case IFLA_IFALIAS:
      into.alias = mnl_attr_get_str(attribute);
      break;
    case IFLA_LINKINFO:
      return mnl_attr_parse_nested(
          attribute,
          [](const nlattr* information, void* kind) {
            if (mnl_attr_get_type(information) == IFLA_INFO_KIND) {
              *static_cast<std::string*>(kind) = mnl_attr_get_str(information);
            }
            return MNL_CB_OK;
          },
          &into.kind);
    default:
      break;
  }
  return MNL_CB_OK;
}

}  // namespace

int make_bridge(const std::string& name) {
  const std::string what = "making the bridge " + name;
  change_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{}, what, [&name](nlmsghdr* message) {
    mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
    nlattr* information = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, kBridgeKind);
    mnl_attr_nest_end(message, information);
  });
  const int index = find_interface(name).index;
  try {
    change_link(RTM_NEWLINK, 0, going_up(index), what,
                [](nlmsghdr* message) { mnl_attr_put_str(message, IFLA_IFALIAS, kMark); });
  } catch (...) {
    remove_link(index, name);
    throw;
  }
  return index;
}

void remove_marked_bridges() {
  const ifinfomsg any{};
  std::map<int, std::string> marked;  // a list that changes names a link twice
  netlink_dump(NETLINK_ROUTE, RTM_GETLINK, std::as_bytes(std::span(&any, 1)), "the bridges",
               [&marked](const nlmsghdr& message) {
                 Link link;
                 mnl_attr_parse(&message, sizeof(ifinfomsg), &take_text, &link);
                 if (link.kind == kBridgeKind && link.alias == kMark) {
                   const auto& header = *static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
                   marked[header.ifi_index] = link.name;
                 }
               });
  for (const auto& [index, name] : marked) {
    remove_link(index, name);
  }
}

void remove_link(int index, const std::string& name) {
  ifinfomsg link{};
  link.ifi_index = index;
  change_link(RTM_DELLINK, 0, link, "removing the bridge " + name, [](nlmsghdr*) {});
}

void set_master(int index, int bridge, const std::string& name) {
  change_link(
      RTM_NEWLINK, 0, going_up(index), "making " + name + (bridge == 0 ? " no" : " a") + " port of a bridge",
      [bridge](nlmsghdr* message) { mnl_attr_put_u32(message, IFLA_MASTER, static_cast<std::uint32_t>(bridge)); });
}

}  // namespace nicsentry::polycube
