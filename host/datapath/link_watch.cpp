// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/link_watch.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "host/base/error.h"

namespace nicsentry {

LinkWatch::LinkWatch() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_TC;
  if (!fd_ || bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    throw SystemError(errno, "listening for changes of interfaces");
  }
}

namespace {

void note(LinkChanges& changes, const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
      if (link->ifi_family == AF_UNSPEC) {  // a bridge tells of ports, too
        (message.nlmsg_type == RTM_DELLINK ? changes.removed : changes.changed).push_back(link->ifi_index);
      }
      break;
    }
    case RTM_NEWQDISC:
    case RTM_DELQDISC:
    case RTM_NEWTFILTER:
    case RTM_DELTFILTER:
    case RTM_NEWCHAIN:
    case RTM_DELCHAIN:
      changes.changed.push_back(static_cast<const tcmsg*>(NLMSG_DATA(&message))->tcm_ifindex);
      break;
    default:
      break;
  }
}

}  // namespace

LinkChanges LinkWatch::take() {
  LinkChanges changes;
  alignas(nlmsghdr) std::array<char, 32768> buffer{};
  while (true) {
    const ssize_t received = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) {
      continue;
    }
    if (received < 0 && errno == ENOBUFS) {  // told once; what follows is whole again
      changes.missed = true;
      continue;
    }
    if (received <= 0) {
      return changes;
    }
    auto left = static_cast<unsigned>(received);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      note(changes, *message);
    }
  }
}

}  // namespace nicsentry
