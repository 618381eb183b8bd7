// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/duplicates.h"

#include <algorithm>
#include <utility>

#include "host/packet/ip_header.h"
#include "host/packet/parser.h"

namespace nicsentry {
namespace {

constexpr TimestampNs kTogetherNs = 100'000;
// Bounds the memory that packets of one time take.
constexpr std::size_t kRememberedMost = 65536;
constexpr std::size_t kTransportBytes = 8;  // of a packet that has no session: a fragment, another protocol

// IP header and transport header without what a router changes; empty for what is no IP.
std::string headers_of(std::span<const std::uint8_t> frame) {
  const IpPosition at = find_ip(frame);
  const auto behind = frame.subspan(std::min(at.offset, frame.size()));
  const auto ip = at.version == 0 ? std::nullopt : IpView::read(behind, at.version);
  if (!ip) return {};
  const auto packet = parse_packet(frame);
  const std::size_t end = packet ? packet->header_bytes : ip->transport().offset + kTransportBytes;
  const auto headers = behind.first(std::min(end, behind.size()));
  std::string text(headers.begin(), headers.end());
  if (at.version == 4) {
    constexpr std::size_t kTimeToLive = 8;
    constexpr std::size_t kChecksum = 10;
    text[kTimeToLive] = text[kChecksum] = text[kChecksum + 1] = 0;
  } else {
    constexpr std::size_t kHopLimit = 7;
    text[kHopLimit] = 0;
  }
  return text;
}

}  // namespace

bool Duplicates::seen_before(TimestampNs timestamp_ns, std::span<const std::uint8_t> frame) {
  forget(timestamp_ns);
  std::string headers = headers_of(frame);
  if (headers.empty()) return false;
  const auto [found, is_new] = headers_.insert(std::move(headers));
  if (is_new) order_.push_back({timestamp_ns, &*found});
  return !is_new;
}

// Also where time goes back: what is far from now in either direction is another packet.
void Duplicates::forget(TimestampNs now_ns) {
  while (!order_.empty() && (order_.size() >= kRememberedMost || now_ns - order_.front().timestamp_ns > kTogetherNs ||
                             order_.front().timestamp_ns - now_ns > kTogetherNs)) {
    headers_.erase(headers_.find(*order_.front().headers));
    order_.pop_front();
  }
}

}  // namespace nicsentry
