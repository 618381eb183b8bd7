// SPDX-License-Identifier: GPL-2.0-or-later
// Which interfaces have packets that begin with an Ethernet header, or with their IP header.
#include "host/datapath/link_header.h"

#include <catch2/catch.hpp>
#include <string>

namespace nicsentry::testing {
namespace {

// Numbers of linux/if_arp.h, names of `ip link`.
TEST_CASE("an interface's type says with which header its packets begin") {
  struct Row {
    std::uint16_t type = 0;
    std::string text;
    LinkHeader header = LinkHeader::other;
  };
  for (const Row& row :
       {Row{1, "ether", LinkHeader::ethernet}, Row{772, "loopback", LinkHeader::ethernet},
        Row{0xFFFE, "none", LinkHeader::none}, Row{512, "ppp", LinkHeader::none}, Row{768, "ipip", LinkHeader::none},
        Row{769, "tunnel6", LinkHeader::none}, Row{776, "sit", LinkHeader::none}, Row{778, "gre", LinkHeader::none},
        Row{823, "gre6", LinkHeader::none}, Row{519, "rawip", LinkHeader::none}, Row{32, "infiniband"}, Row{280, "can"},
        Row{824, "netlink"}, Row{65000, "65000"}}) {
    CAPTURE(row.type);
    CHECK(link_header_of(row.type, true) == row.header);
    CHECK(link_type_text(row.type) == row.text);
  }
}

TEST_CASE("a GRE interface without one remote end has the outer header in front of its packets") {
  CHECK(link_header_of(778, false) == LinkHeader::other);
  CHECK(link_header_of(823, false) == LinkHeader::other);
  CHECK(link_header_of(0xFFFE, false) == LinkHeader::none);
}

}  // namespace
}  // namespace nicsentry::testing
