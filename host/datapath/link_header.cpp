// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/link_header.h"

#include <net/if_arp.h>

#include <algorithm>
#include <iterator>

namespace nicsentry {
namespace {

// linux/if_arp.h, which net/if_arp.h excludes.
constexpr std::uint16_t kRawIp = 519;    // modems (qmi_wwan, rmnet, mhi)
constexpr std::uint16_t kIp6Gre = 823;   // GRE over IPv6
constexpr std::uint16_t kNetlink = 824;  // nlmon
constexpr std::uint16_t kCan = 280;

struct LinkType {
  std::uint16_t type = 0;
  const char* name = "";
  LinkHeader header = LinkHeader::other;
};

constexpr LinkType kLinkTypes[] = {
    {ARPHRD_ETHER, "ether", LinkHeader::ethernet},
    {ARPHRD_LOOPBACK, "loopback", LinkHeader::ethernet},
    {ARPHRD_NONE, "none", LinkHeader::none},  // tun, WireGuard, xfrm, bareudp, VXLAN-GPE
    {ARPHRD_PPP, "ppp", LinkHeader::none},
    {ARPHRD_TUNNEL, "ipip", LinkHeader::none},  // IP-in-IP, vti
    {ARPHRD_TUNNEL6, "tunnel6", LinkHeader::none},
    {ARPHRD_SIT, "sit", LinkHeader::none},
    {ARPHRD_IPGRE, "gre", LinkHeader::none},
    {kIp6Gre, "gre6", LinkHeader::none},
    {kRawIp, "rawip", LinkHeader::none},
    {ARPHRD_INFINIBAND, "infiniband"},
    {ARPHRD_IEEE802154, "ieee802.15.4"},
    {kCan, "can"},
    {kNetlink, "netlink"},
};

const LinkType* find_type(std::uint16_t type) {
  const auto* found = std::find_if(std::begin(kLinkTypes), std::end(kLinkTypes),
                                   [type](const LinkType& one) { return one.type == type; });
  return found != std::end(kLinkTypes) ? found : nullptr;
}

}  // namespace

LinkHeader link_header_of(std::uint16_t type, bool to_one_end) {
  // Without one remote end the kernel gives a GRE packet the outer IP header as its link header (ipgre_header_ops).
  if ((type == ARPHRD_IPGRE || type == kIp6Gre) && !to_one_end) {
    return LinkHeader::other;
  }
  const LinkType* found = find_type(type);
  return found != nullptr ? found->header : LinkHeader::other;
}

std::string link_type_text(std::uint16_t type) {
  const LinkType* found = find_type(type);
  return found != nullptr ? found->name : std::to_string(type);
}

}  // namespace nicsentry
