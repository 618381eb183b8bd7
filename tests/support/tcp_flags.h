// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <set>

// Bits of the TCP header's flags (RFC 9293, 3.1).
namespace nicsentry::testing {

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kPsh = 0x08;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint8_t kUrg = 0x20;
constexpr std::uint8_t kEce = 0x40;
constexpr std::uint8_t kCwr = 0x80;

enum class ExpectedSegment { begins, goes_on, invalid };

// A segment's meaning for a closed connection, to compare with bpf_offload/tcp.h: written out from tcp_valid_flags of
// Linux 6.1 (net/netfilter/nf_conntrack_proto_tcp.c).
inline ExpectedSegment expected_segment(unsigned flags) {
  const std::set<unsigned> begins{kSyn, kSyn | kUrg};
  const std::set<unsigned> goes_on{kSyn | kAck, kRst, kRst | kAck, kFin | kAck, kFin | kAck | kUrg, kAck, kAck | kUrg};
  const unsigned telling = flags & ~(0U + kPsh + kEce + kCwr);
  if (begins.contains(telling)) return ExpectedSegment::begins;
  return goes_on.contains(telling) ? ExpectedSegment::goes_on : ExpectedSegment::invalid;
}

}  // namespace nicsentry::testing
