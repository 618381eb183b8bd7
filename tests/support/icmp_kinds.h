// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <set>

namespace nicsentry::testing {

enum class ExpectedIcmp { query, reply, error, other };

// Each message type's meaning for a session, for comparison with bpf_offload/icmp.h: written out from the tables of
// Linux 6.1 (net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c) and from RFC 4443, 2.1.
inline ExpectedIcmp expected_icmp(bool ipv6, unsigned type) {
  const std::set<unsigned> queries = ipv6 ? std::set<unsigned>{128, 139} : std::set<unsigned>{8, 13, 15, 17};
  const std::set<unsigned> replies = ipv6 ? std::set<unsigned>{129, 140} : std::set<unsigned>{0, 14, 16, 18};
  const std::set<unsigned> ipv4_errors{3, 4, 5, 11, 12};
  if (queries.contains(type)) return ExpectedIcmp::query;
  if (replies.contains(type)) return ExpectedIcmp::reply;
  if (ipv6 ? type < 128 : ipv4_errors.contains(type)) return ExpectedIcmp::error;
  return ExpectedIcmp::other;
}

}  // namespace nicsentry::testing
