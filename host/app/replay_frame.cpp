// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/replay_frame.h"

#include <algorithm>

#include "host/datapath/test_run.h"
#include "host/packet/ip_header.h"
#include "host/packet/parser.h"

namespace nicsentry {
namespace {

constexpr std::uint64_t kLongestInHeader = 0xffff;
// Linux: GSO_MAX_SIZE (include/linux/netdevice.h) and its headers.
constexpr std::uint64_t kLongestOffloaded = 8 * kLongestInHeader + 512;
constexpr std::size_t kTotalLengthOffset = 2;  // in an IPv4 header

void put_total_length(std::vector<std::uint8_t>& frame, std::size_t ip_offset, std::uint64_t length) {
  frame[ip_offset + kTotalLengthOffset] = static_cast<std::uint8_t>(length >> 8U);
  frame[ip_offset + kTotalLengthOffset + 1] = static_cast<std::uint8_t>(length);
}

// A length of 0 in the header that stands for the frame's: IPv4 with segmentation offload, IPv6 with a jumbo option.
bool is_frames_length(const IpView& ip, std::uint64_t in_frame) {
  const bool says_none = ip.version() == 4 ? ip.total_bytes() == 0 : ip.has_jumbo_option();
  return says_none && in_frame <= kLongestOffloaded;
}

}  // namespace

void prepare_frame(const CapturedFrame& frame, CutFrames cut_frames, ReplayFrame& out) {
  out.bytes.assign(frame.bytes.begin(), frame.bytes.end());
  out.partial = out.cut = false;
  out.missing_frame = out.missing_payload = 0;
  if (header_reach(frame.bytes) > frame.bytes.size()) {
    out.bytes.resize(std::min(out.bytes.size(), TestRun::kLongestLinear));
    out.missing_frame = frame.wire_bytes - out.bytes.size();
    return;
  }
  std::uint64_t wire_bytes = frame.wire_bytes;
  const IpPosition at = find_ip(frame.bytes);
  const auto ip = at.version == 0 ? std::nullopt : IpView::read(frame.bytes.subspan(at.offset), at.version);
  std::uint64_t length = 0;  // of the IP packet
  bool from_frame = false;
  if (ip) {
    const std::uint64_t in_frame = wire_bytes - at.offset;
    from_frame = is_frames_length(*ip, in_frame);
    length = from_frame ? in_frame : ip->total_bytes();
    out.cut = length > in_frame;
    if (out.cut && cut_frames == CutFrames::by_ip_length) wire_bytes = at.offset + length;
  }
  const bool truncated = at.offset + length > wire_bytes;
  const auto given = static_cast<std::size_t>(std::min<std::uint64_t>(wire_bytes, TestRun::kLongestLinear));
  out.bytes.resize(given);
  out.partial = ip && !truncated && wire_bytes > given;
  if (truncated) out.missing_frame = wire_bytes - given;
  if (!from_frame) return;
  if (ip->version() == 4) {
    const std::uint64_t in_header = std::min(length, kLongestInHeader);
    put_total_length(out.bytes, at.offset, in_header);
    out.missing_payload = static_cast<std::uint32_t>(length - in_header);
  } else {  // the program takes the bytes that it sees for the packet's length
    out.missing_payload = static_cast<std::uint32_t>(wire_bytes - given);
  }
}

}  // namespace nicsentry
