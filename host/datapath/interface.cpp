// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/interface.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

UniqueFd query_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    throw SystemError(errno, "opening a socket to ask for interfaces");
  }
  return fd;
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  return request;
}

}  // namespace

Interface find_interface(const std::string& name) {
  Interface found;
  found.name = name;
  found.index = static_cast<int>(if_nametoindex(name.c_str()));
  if (found.index == 0) {
    throw SystemError(errno, "interface '" + name + "'");
  }
  const UniqueFd fd = query_socket();
  ifreq request = request_for(name);
  if (ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) {
    throw SystemError(errno, "reading the flags of " + name);
  }
  found.up = (request.ifr_flags & IFF_UP) != 0;
  found.carrier = found.up && (request.ifr_flags & IFF_RUNNING) != 0;
  const bool to_one_end = (request.ifr_flags & IFF_POINTOPOINT) != 0;
  request = request_for(name);
  if (ioctl(fd.get(), SIOCGIFMTU, &request) != 0) {
    throw SystemError(errno, "reading the MTU of " + name);
  }
  found.mtu = static_cast<unsigned>(request.ifr_mtu);
  request = request_for(name);
  if (ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0) {
    throw SystemError(errno, "reading the link type of " + name);
  }
  found.link_type = request.ifr_hwaddr.sa_family;
  found.link = link_header_of(found.link_type, to_one_end);
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&info);
  if (ioctl(fd.get(), SIOCETHTOOL, &request) == 0) {
    found.driver = info.driver;
    found.firmware = info.fw_version;
  }
  ethtool_value flags{};
  flags.cmd = ETHTOOL_GFLAGS;
  request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&flags);
  found.strips_tags = ioctl(fd.get(), SIOCETHTOOL, &request) == 0 && (flags.data & ETH_FLAG_RXVLAN) != 0;
  return found;
}

std::vector<Interface> list_interfaces() {
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> names(if_nameindex(), if_freenameindex);
  if (!names) {
    throw SystemError(errno, "listing the interfaces");
  }
  std::vector<Interface> interfaces;
  for (auto* entry = names.get(); entry->if_index != 0; ++entry) {
    try {
      interfaces.push_back(find_interface(entry->if_name));
    } catch (const SystemError& error) {
      if (error.code() != ENODEV && error.code() != ENXIO) {  // gone since it was listed
        throw;
      }
    }
  }
  return interfaces;
}

// The C library's functions lose the reason where they get no socket.
std::optional<std::string> interface_name(int index) {
  const UniqueFd fd = query_socket();
  ifreq request{};
  request.ifr_ifindex = index;
  if (ioctl(fd.get(), SIOCGIFNAME, &request) == 0) {
    return request.ifr_name;
  }
  if (errno != ENODEV) {
    throw SystemError(errno, "looking for the interface with index " + std::to_string(index));
  }
  return std::nullopt;
}

int interface_index(const std::string& name) {
  const UniqueFd fd = query_socket();
  ifreq request = request_for(name);
  if (ioctl(fd.get(), SIOCGIFINDEX, &request) == 0) {
    return request.ifr_ifindex;
  }
  if (errno != ENODEV) {
    throw SystemError(errno, "looking for interface '" + name + "'");
  }
  return 0;
}

LinkState link_state(const std::string& name) {
  const UniqueFd fd = query_socket();
  ifreq request = request_for(name);
  if (ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) {
    throw SystemError(errno, "reading the flags of " + name);
  }
  if ((request.ifr_flags & IFF_UP) == 0) {
    return LinkState::down;
  }
  return (request.ifr_flags & IFF_RUNNING) != 0 ? LinkState::up : LinkState::no_carrier;
}

bool interface_exists(int index) { return interface_name(index).has_value(); }

unsigned long network_namespace() {
  struct stat status {};
  if (stat("/proc/thread-self/ns/net", &status) != 0) {
    throw SystemError(errno, "reading /proc/thread-self/ns/net");
  }
  return status.st_ino;
}

}  // namespace nicsentry
