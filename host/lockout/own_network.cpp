// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/own_network.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "host/lockout/netlink_dump.h"

namespace nicsentry {
namespace {

struct Link {
  std::string name;
  int lower = 0;          // what it stands on, in this namespace
  int master = 0;         // a bridge or a bond that it is in
  bool floating = false;  // its addresses may be reached by any port
  bool neighbours = true;
};
using Links = std::map<int, Link>;

// By their type.
using Attributes = std::array<const nlattr*, 64>;

Attributes read_attributes(const void* begin, std::size_t size) {
  Attributes found{};
  const char* const end = static_cast<const char*>(begin) + size;
  const auto* attribute = static_cast<const nlattr*>(begin);
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type < found.size()) {
      found[type] = attribute;
    }
    attribute = mnl_attr_next(attribute);
  }
  return found;
}

template <typename Header>
Attributes attributes_of(const nlmsghdr& message) {
  const std::size_t whole = mnl_nlmsg_get_payload_len(&message);
  return whole < sizeof(Header) ? Attributes{}
                                : read_attributes(mnl_nlmsg_get_payload_offset(&message, sizeof(Header)),
                                                  whole - MNL_ALIGN(sizeof(Header)));
}

template <typename Header>
const Header& header_of(const nlmsghdr& message) {
  return *static_cast<const Header*>(mnl_nlmsg_get_payload(&message));
}

int index_in(const nlattr* attribute) {
  return attribute == nullptr ? 0 : static_cast<int>(mnl_attr_get_u32(attribute));
}

IpAddress address_from(const void* bytes, std::size_t size) {
  IpAddress address;
  address.version = size == 4 ? 4 : 6;
  std::memcpy(address.bytes.data(), bytes, std::min(size, address.bytes.size()));
  return address;
}

IpAddress address_in(const nlattr* attribute) {
  return address_from(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
}

template <typename Body>
std::span<const std::byte> bytes_of(const Body& body) {
  return std::as_bytes(std::span(&body, 1));
}

// "vlan", "bridge", ...; empty: none is told.
std::string kind_of(const Attributes& attributes) {
  if (attributes[IFLA_LINKINFO] == nullptr) {
    return {};
  }
  const Attributes nested = read_attributes(mnl_attr_get_payload(attributes[IFLA_LINKINFO]),
                                            mnl_attr_get_payload_len(attributes[IFLA_LINKINFO]));
  return nested[IFLA_INFO_KIND] == nullptr ? "" : mnl_attr_get_str(nested[IFLA_INFO_KIND]);
}

Links read_links() {
  Links links;
  const ifinfomsg any{};
  netlink_dump(NETLINK_ROUTE, RTM_GETLINK, bytes_of(any), "the interfaces", [&links](const nlmsghdr& message) {
    const Attributes attributes = attributes_of<ifinfomsg>(message);
    if (attributes[IFLA_IFNAME] == nullptr) {
      return;
    }
    Link& link = links[header_of<ifinfomsg>(message).ifi_index];
    link.name = mnl_attr_get_str(attributes[IFLA_IFNAME]);
    link.master = index_in(attributes[IFLA_MASTER]);
    // With a namespace's number the index is one of that namespace.
    link.lower = attributes[IFLA_LINK_NETNSID] == nullptr ? index_in(attributes[IFLA_LINK]) : 0;
    link.neighbours = (header_of<ifinfomsg>(message).ifi_flags & IFF_NOARP) == 0;
    link.floating = (header_of<ifinfomsg>(message).ifi_flags & IFF_LOOPBACK) != 0 || kind_of(attributes) == "dummy";
  });
  return links;
}

// The interfaces whose traffic passes a port, itself among them; none where it is gone.
std::set<int> interfaces_over(const Links& links, int port) {
  std::set<int> over;
  if (links.contains(port)) {
    over.insert(port);
  }
  for (std::size_t before = 0; before != over.size();) {
    before = over.size();
    for (const auto& [index, link] : links) {
      if (over.contains(link.lower)) {
        over.insert(index);
      }
      if (over.contains(index) && link.master != 0) {
        over.insert(link.master);
      }
    }
  }
  return over;
}

struct Placed {
  int interface = 0;
  IpAddress address;
};

std::vector<Placed> read_addresses() {
  std::vector<Placed> addresses;
  const ifaddrmsg any{};
  netlink_dump(NETLINK_ROUTE, RTM_GETADDR, bytes_of(any), "the addresses of interfaces",
               [&addresses](const nlmsghdr& message) {
                 const Attributes attributes = attributes_of<ifaddrmsg>(message);
                 // On a point-to-point link IFA_ADDRESS is the other end.
                 const nlattr* own = attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
                 if (own != nullptr) {
                   addresses.push_back({static_cast<int>(header_of<ifaddrmsg>(message).ifa_index), address_in(own)});
                 }
               });
  return addresses;
}

// RTA_VIA: of another family than the route's.
std::optional<IpAddress> next_hop(const Attributes& attributes) {
  if (attributes[RTA_GATEWAY] != nullptr) {
    return address_in(attributes[RTA_GATEWAY]);
  }
  if (attributes[RTA_VIA] == nullptr) {
    return std::nullopt;
  }
  const auto* via = static_cast<const rtvia*>(mnl_attr_get_payload(attributes[RTA_VIA]));
  return address_from(via->rtvia_addr, mnl_attr_get_payload_len(attributes[RTA_VIA]) - sizeof(rtvia));
}

void take_next_hops(const nlattr& multipath, std::vector<Placed>& gateways) {
  const auto* hop = static_cast<const rtnexthop*>(mnl_attr_get_payload(&multipath));
  auto left = static_cast<int>(mnl_attr_get_payload_len(&multipath));
  while (RTNH_OK(hop, left)) {
    const Attributes attributes =
        read_attributes(reinterpret_cast<const char*>(hop) + sizeof(rtnexthop), hop->rtnh_len - sizeof(rtnexthop));
    if (const auto gateway = next_hop(attributes)) {
      gateways.push_back({hop->rtnh_ifindex, *gateway});
    }
    left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
    hop = RTNH_NEXT(hop);
  }
}

std::vector<Placed> read_gateways() {
  std::vector<Placed> gateways;
  const rtmsg any{};
  netlink_dump(NETLINK_ROUTE, RTM_GETROUTE, bytes_of(any), "the routes", [&gateways](const nlmsghdr& message) {
    const auto& route = header_of<rtmsg>(message);
    if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST) {
      return;
    }
    const Attributes attributes = attributes_of<rtmsg>(message);
    if (attributes[RTA_MULTIPATH] != nullptr) {
      take_next_hops(*attributes[RTA_MULTIPATH], gateways);
    } else if (const auto gateway = next_hop(attributes)) {
      gateways.push_back({index_in(attributes[RTA_OIF]), *gateway});
    }
  });
  return gateways;
}

std::vector<IpAddress> those_over(const std::vector<Placed>& placed, const std::set<int>& interfaces) {
  std::vector<IpAddress> found;
  for (const Placed& one : placed) {
    if (interfaces.contains(one.interface) && std::find(found.begin(), found.end(), one.address) == found.end()) {
      found.push_back(one.address);
    }
  }
  return found;
}

}  // namespace

bool PortNetwork::may_carry(const IpAddress& own) const {
  return std::find(elsewhere.begin(), elsewhere.end(), own) == elsewhere.end();
}

std::vector<PortNetwork> read_own_network(const std::vector<PortIndex>& ports) {
  const Links links = read_links();
  const std::vector<Placed> addresses = read_addresses();
  const std::vector<Placed> gateways = read_gateways();
  std::vector<PortNetwork> networks;
  for (const PortIndex& port : ports) {
    const std::set<int> over = interfaces_over(links, port.index);
    if (over.empty()) {
      continue;
    }
    std::set<int> others;
    for (const auto& [index, link] : links) {
      if (!over.contains(index) && !link.floating) {
        others.insert(index);
      }
    }
    PortNetwork network{port.name, those_over(addresses, over), those_over(gateways, over),
                        those_over(addresses, others), links.at(port.index).neighbours};
    // The same address may stand on several interfaces.
    std::erase_if(network.elsewhere, [&network](const IpAddress& address) {
      return std::find(network.addresses.begin(), network.addresses.end(), address) != network.addresses.end();
    });
    networks.push_back(std::move(network));
  }
  return networks;
}

std::optional<std::string> port_to(const IpAddress& remote, const std::vector<PortIndex>& ports) {
  struct {
    rtmsg route;
    nlattr attribute;
    std::array<std::uint8_t, 16> to;
  } request{};
  const std::size_t bytes = remote.version == 4 ? 4 : 16;
  request.route.rtm_family = remote.version == 4 ? AF_INET : AF_INET6;
  request.route.rtm_dst_len = static_cast<unsigned char>(bytes * 8);
  request.attribute.nla_type = RTA_DST;
  request.attribute.nla_len = static_cast<std::uint16_t>(sizeof(nlattr) + bytes);
  request.to = remote.bytes;
  int leaves = 0;
  netlink_get(NETLINK_ROUTE, RTM_GETROUTE, bytes_of(request).first(sizeof(request) - sizeof(request.to) + bytes),
              "a route",
              [&leaves](const nlmsghdr& message) { leaves = index_in(attributes_of<rtmsg>(message)[RTA_OIF]); });
  const Links links = read_links();
  for (const PortIndex& port : ports) {
    if (leaves != 0 && interfaces_over(links, port.index).contains(leaves)) {
      return port.name;
    }
  }
  return std::nullopt;
}

}  // namespace nicsentry
