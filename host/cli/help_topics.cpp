// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/help_topics.h"

#include <algorithm>
#include <array>

namespace nicsentry {
namespace {

struct Topic {
  std::string_view name;
  std::string_view text;
};

constexpr std::array kTopics = std::to_array<Topic>({
    {"addresses",
     R"(Addresses in rules, sets and blocks:
  10.0.0.1, 2001:db8::1      an address
  10.0.0.0/8, 2001:db8::/32  a prefix; bits behind it are ignored
  10.0.0.1-10.0.0.9          a range, both ends included
  @office                    a set, in rules only
  !10.1.0.0/16, !@office     an exception, in rules only
A list of them (sets load, block --file) has one in a line, comments from '#' or ';' on. Published lists are read as
they are: ipset save, .netset, P2P, DShield, Spamhaus.
)"},
    {"durations",
     R"(Durations of all options, and of "expires" in rules:
  10s, 50ms, 2m, 1.5h, 7d    a number with us, ms, s, m (or min), h or d
  1h30m                      several of them
  60                         a number alone is in seconds
At most a year.
)"},
    {"fields",
     R"(Fields of a rule, as FIELD=VALUE words (rules add) and in JSON. A missing one matches anything.
  in, out      interface of the ingress, of the egress chain: eth0; !eth1 excepts one
  src, dst     addresses (nicsentry help addresses), several with commas between
  l4proto      TCP, UDP, ICMP, ICMPv6, another name, or a number; several: TCP,UDP
  sport, dport a port, a range, or several: 22,80,8000-8100,60000-
  tcpflags     flags that are set, or with ! not set: SYN,!ACK
  icmptype     with l4proto ICMP or ICMPv6: a name or number, several: echo-request,3
  icmpcode     with icmptype: a number, or a name of one of its codes: port-unreachable, host-redirect
  length       bytes of the packet with its IP header: 0-100,1400-1500
  dscp         a name or number: ef, af11,cs1, 0x2e
  ttl          a number or range; of IPv6 the hop limit: 0-5
  vlan         id of the outermost tag, or none: 10,20-29,none
               (a card cannot read these six)
  conntrack    NEW, ESTABLISHED, RELATED or INVALID
  action       drop, accept, log (accept and log), count or limit; 'forward' is accept
  rate         of limit: 100/s, 10/m, 1/h, or 10Mbit/s; packets beyond it are dropped
  burst        of limit: packets, or bytes with a rate of bits (64kB), that may come at once
  per          of limit: rule, source or destination, each with the rate for itself; source/56 by IPv6 prefixes,
               source/24/56 by those of IPv4 and IPv6
  log          true, or one of how many packets: log=100
  description  a text
  expires      when the rule ends, from now on (nicsentry help durations)
)"},
    {"filter",
     R"(--filter of run, replay, sessions and watch: only sessions that match, in the grammar of pcap-filter(7):
  host 10.0.0.1              client or server
  src net 10.0.0.0/8         the client; dst: the server
  tcp dst port 443, udp, icmp, ip6
  not, and, or, ( )
Addresses and ports are numbers. All packets are analysed and counted as without it.
)"},
    {"modes",
     R"(--mode says where the program runs:
  hw    on the card, if it can offload programs
  drv   in the driver (XDP)
  skb   behind the driver (generic XDP); works on all Ethernet interfaces, costs more
  tc    on the TC hook; the one for tun, WireGuard, PPP, GRE: packets without an Ethernet header
  auto  the first of hw, drv and skb that works; tc without an Ethernet header (default)
nicsentry doctor says which of them a port can do.
)"},
});

}  // namespace

std::string_view topic_text(std::string_view topic) {
  const auto* found =
      std::find_if(kTopics.begin(), kTopics.end(), [topic](const Topic& one) { return one.name == topic; });
  return found != kTopics.end() ? found->text : std::string_view();
}

std::vector<std::string> topic_names() {
  std::vector<std::string> names;
  names.reserve(kTopics.size());
  for (const Topic& topic : kTopics) {
    names.emplace_back(topic.name);
  }
  return names;
}

}  // namespace nicsentry
