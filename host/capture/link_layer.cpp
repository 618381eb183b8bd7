// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/link_layer.h"

#include <algorithm>
#include <iterator>

#include "host/capture/wireless.h"
#include "host/packet/ip_header.h"

namespace nicsentry {
namespace {

using Frame = std::span<const std::uint8_t>;

// LINKTYPE_*. Their headers are described at https://www.tcpdump.org/linktypes.html.
enum Link : std::uint32_t {
  kNull = 0,
  kEthernet = 1,
  kPpp = 9,
  kRawBsd = 12,  // DLT_RAW of most systems
  kRawOpenBsd = 14,
  kPppSerial = 50,
  kPppEther = 51,
  kRaw = 101,
  kCiscoHdlc = 104,
  kWireless = 105,
  kLoop = 108,
  kCooked = 113,
  kRadiotap = 127,
  kPpi = 192,
  kIpv4Only = 228,
  kIpv6Only = 229,
  kNflog = 239,
  kPktap = 258,
  kCooked2 = 276,
};
constexpr std::uint32_t kKnownLinks[] = {kNull,     kEthernet,  kPpp,      kRawBsd, kRawOpenBsd, kPppSerial, kPppEther,
                                         kRaw,      kCiscoHdlc, kWireless, kLoop,   kCooked,     kRadiotap,  kPpi,
                                         kIpv4Only, kIpv6Only,  kNflog,    kPktap,  kCooked2};

constexpr std::uint16_t kEthertypeIpv4 = 0x0800;
constexpr std::uint16_t kEthertypeIpv6 = 0x86dd;
constexpr std::uint16_t kEthertypeMpls = 0x8847;
constexpr std::uint16_t kEthertypeMplsUpstream = 0x8848;
constexpr std::uint16_t kEthertypePppoe = 0x8864;

// PPP protocol numbers (IANA).
constexpr std::uint16_t kPppIpv4 = 0x0021;
constexpr std::uint16_t kPppIpv6 = 0x0057;
constexpr std::uint16_t kPppMpls = 0x0281;
constexpr std::uint16_t kPppMplsUpstream = 0x0283;

// Headers within headers: PPI in PKTAP in PPI is as deep as a file of sense goes.
constexpr int kDeepest = 4;

LinkPayload payload_at(std::size_t offset, std::uint16_t ethertype) { return {false, ethertype, offset}; }

std::uint16_t ip_ethertype(Frame frame, std::size_t at) {
  if (at >= frame.size()) return 0;
  const unsigned version = frame[at] >> 4U;
  return version == 4 ? kEthertypeIpv4 : version == 6 ? kEthertypeIpv6 : std::uint16_t{0};
}

// An address family of the capturing system in 4 bytes, of either order: 2 is IPv4 everywhere; IPv6 is 10 on Linux, 24,
// 28 or 30 on the BSDs and macOS.
LinkPayload null_header(Frame frame) {
  constexpr std::size_t kBytes = 4;
  constexpr std::uint8_t kIpv6Families[] = {10, 24, 28, 30};
  if (frame.size() < kBytes) return payload_at(frame.size(), 0);
  const bool big_endian = frame[0] == 0;
  const std::uint8_t family = frame[big_endian ? kBytes - 1 : 0];
  const bool small = big_endian ? frame[1] == 0 && frame[2] == 0 : frame[1] == 0 && frame[2] == 0 && frame[3] == 0;
  if (!small) return payload_at(kBytes, 0);
  if (family == 2) return payload_at(kBytes, kEthertypeIpv4);
  const bool ipv6 = std::find(std::begin(kIpv6Families), std::end(kIpv6Families), family) != std::end(kIpv6Families);
  return payload_at(kBytes, ipv6 ? kEthertypeIpv6 : std::uint16_t{0});
}

// A PPP protocol number of one byte, if it is odd, or two (RFC 1661, 6.5).
LinkPayload ppp_protocol(Frame frame, std::size_t at) {
  if (at >= frame.size()) return payload_at(frame.size(), 0);
  const bool compressed = (frame[at] & 1U) != 0;
  if (!compressed && at + 2 > frame.size()) return payload_at(frame.size(), 0);
  const std::uint16_t protocol = compressed ? frame[at] : be16(frame, at);
  at += compressed ? 1 : 2;
  switch (protocol) {
    case kPppIpv4:
      return payload_at(at, kEthertypeIpv4);
    case kPppIpv6:
      return payload_at(at, kEthertypeIpv6);
    case kPppMpls:
    case kPppMplsUpstream:
      return payload_at(at, kEthertypeMpls);
    default:
      return payload_at(at, 0);
  }
}

LinkPayload hdlc_header(Frame frame) {
  constexpr std::size_t kBytes = 4;  // address, control, EtherType
  return frame.size() < kBytes ? payload_at(frame.size(), 0) : payload_at(kBytes, be16(frame, 2));
}

// With or without address and control field; a PPP_SERIAL frame may also be one of Cisco's HDLC.
LinkPayload ppp_header(std::uint32_t link_type, Frame frame) {
  constexpr std::uint8_t kAllStations = 0xff;
  constexpr std::uint8_t kUnnumbered = 0x03;
  constexpr std::uint8_t kCiscoUnicast = 0x0f;
  constexpr std::uint8_t kCiscoMulticast = 0x8f;
  if (frame.size() < 2) return payload_at(frame.size(), 0);
  if (link_type == kPppSerial && (frame[0] == kCiscoUnicast || frame[0] == kCiscoMulticast)) return hdlc_header(frame);
  return ppp_protocol(frame, frame[0] == kAllStations && frame[1] == kUnnumbered ? 2 : 0);
}

LinkPayload pppoe_header(Frame frame, std::size_t at) {
  constexpr std::size_t kBytes = 6;
  constexpr std::uint8_t kVersionAndType = 0x11;
  constexpr std::uint8_t kSessionData = 0;
  if (at + kBytes > frame.size() || frame[at] != kVersionAndType || frame[at + 1] != kSessionData) {
    return payload_at(at, 0);
  }
  return ppp_protocol(frame, at + kBytes);
}

// The labels down to the bottom of the stack (RFC 3032); the version of IP tells what is behind them.
LinkPayload mpls_labels(Frame frame, std::size_t at) {
  constexpr std::size_t kLabelBytes = 4;
  constexpr std::uint8_t kBottom = 0x01;
  constexpr int kMostLabels = 8;
  for (int label = 0; label < kMostLabels && at + kLabelBytes <= frame.size(); ++label) {
    const bool bottom = (frame[at + 2] & kBottom) != 0;
    at += kLabelBytes;
    if (bottom) return payload_at(at, ip_ethertype(frame, at));
  }
  return payload_at(at, 0);
}

LinkPayload cooked_header(Frame frame, std::size_t bytes, std::size_t type_offset) {
  return frame.size() < bytes ? payload_at(frame.size(), 0) : payload_at(bytes, be16(frame, type_offset));
}

// Attributes of netlink, in the order of bytes of the capturing system; the packet is one of them.
LinkPayload nflog_header(FileOrder order, Frame frame) {
  constexpr std::size_t kHeaderBytes = 4;
  constexpr std::size_t kAttributeBytes = 4;
  constexpr std::uint16_t kTypeMask = 0x7fff;
  constexpr std::uint16_t kPayload = 9;  // NFULA_PAYLOAD
  const FileNumbers numbers(order);
  for (std::size_t at = kHeaderBytes; at + kAttributeBytes <= frame.size();) {
    const std::size_t length = numbers.u16(frame, at);
    if (length < kAttributeBytes) break;
    if ((numbers.u16(frame, at + 2) & kTypeMask) == kPayload) {
      return payload_at(at + kAttributeBytes, ip_ethertype(frame, at + kAttributeBytes));
    }
    at += (length + 3) / 4 * 4;
  }
  return payload_at(std::min(kHeaderBytes, frame.size()), 0);
}

LinkPayload read_header(std::uint32_t link_type, FileOrder order, Frame frame, int depth);

// A header that says its own length and the link type of what follows it, as little-endian numbers.
LinkPayload wrapping_header(FileOrder order, Frame frame, std::size_t length, std::uint32_t inner, std::size_t least,
                            int depth) {
  if (length < least || length > frame.size() || depth == kDeepest || !is_known_link_type(inner)) {
    return payload_at(std::min(least, frame.size()), 0);
  }
  LinkPayload payload = read_header(inner, order, frame.subspan(length), depth + 1);
  payload.offset += length;
  return payload;
}

LinkPayload ppi_header(FileOrder order, Frame frame, int depth) {
  constexpr std::size_t kBytes = 8;
  const FileNumbers numbers(FileOrder::little_endian);
  if (frame.size() < kBytes) return payload_at(frame.size(), 0);
  return wrapping_header(order, frame, numbers.u16(frame, 2), numbers.u32(frame, 4), kBytes, depth);
}

LinkPayload pktap_header(FileOrder order, Frame frame, int depth) {
  constexpr std::size_t kBytes = 12;
  constexpr std::uint32_t kPacketFollows = 1;
  const FileNumbers numbers(FileOrder::little_endian);
  if (frame.size() < kBytes || numbers.u32(frame, 4) != kPacketFollows) {
    return payload_at(std::min(kBytes, frame.size()), 0);
  }
  return wrapping_header(order, frame, numbers.u32(frame, 0), numbers.u32(frame, 8), kBytes, depth);
}

LinkPayload wireless_header(Frame frame, std::size_t at, WirelessPadding padding) {
  const WirelessData data = find_wireless_data(frame.subspan(std::min(at, frame.size())), padding);
  return payload_at(at + data.offset, data.ethertype);
}

LinkPayload radiotap_header(Frame frame) {
  const Radiotap radiotap = read_radiotap(frame);
  return radiotap.bytes == 0 ? payload_at(frame.size(), 0) : wireless_header(frame, radiotap.bytes, radiotap.padding);
}

LinkPayload read_header(std::uint32_t link_type, FileOrder order, Frame frame, int depth) {
  switch (link_type) {
    case kEthernet:
      return {true, 0, 0};
    case kNull:
    case kLoop:
      return null_header(frame);
    case kPpp:
    case kPppSerial:
      return ppp_header(link_type, frame);
    case kPppEther:
      return pppoe_header(frame, 0);
    case kCiscoHdlc:
      return hdlc_header(frame);
    case kCooked:
      return cooked_header(frame, 16, 14);
    case kCooked2:
      return cooked_header(frame, 20, 0);
    case kNflog:
      return nflog_header(order, frame);
    case kPpi:
      return ppi_header(order, frame, depth);
    case kPktap:
      return pktap_header(order, frame, depth);
    case kWireless:
      return wireless_header(frame, 0, WirelessPadding::none);
    case kRadiotap:
      return radiotap_header(frame);
    case kIpv6Only:
      return payload_at(0, kEthertypeIpv6);
    default:  // raw IP: the first byte tells, and what is no IP is counted as malformed IPv4
      return payload_at(0, ip_ethertype(frame, 0) == kEthertypeIpv6 ? kEthertypeIpv6 : kEthertypeIpv4);
  }
}

// Behind an Ethernet header and at most eight tags; nothing where the frame ends before.
std::size_t behind_tags(Frame frame) {
  constexpr std::size_t kEthernetHeader = 14;
  constexpr std::size_t kTagBytes = 4;
  constexpr int kMostTags = 8;
  constexpr std::uint16_t kTags[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};
  std::size_t at = kEthernetHeader;
  for (int tags = 0; tags < kMostTags && at <= frame.size(); ++tags, at += kTagBytes) {
    if (std::find(std::begin(kTags), std::end(kTags), be16(frame, at - 2)) == std::end(kTags)) break;
  }
  return at;
}

}  // namespace

bool is_known_link_type(std::uint32_t link_type) {
  return std::find(std::begin(kKnownLinks), std::end(kKnownLinks), link_type) != std::end(kKnownLinks);
}

std::string link_type_text(std::uint32_t link_type) {
  return std::to_string(link_type) + " (see https://www.tcpdump.org/linktypes.html)";
}

LinkPayload read_link_header(std::uint32_t link_type, FileOrder order, std::span<const std::uint8_t> frame) {
  return read_header(link_type, order, frame, 0);
}

Encapsulation find_encapsulation(std::span<const std::uint8_t> ethernet_frame) {
  const std::size_t at = behind_tags(ethernet_frame);
  if (at > ethernet_frame.size()) return {};
  const std::uint16_t type = be16(ethernet_frame, at - 2);
  LinkPayload inner;
  if (type == kEthertypePppoe) {
    inner = pppoe_header(ethernet_frame, at);
  } else if (type == kEthertypeMpls || type == kEthertypeMplsUpstream) {
    inner = mpls_labels(ethernet_frame, at);
  }
  if (inner.ethertype != kEthertypeIpv4 && inner.ethertype != kEthertypeIpv6) return {};
  return {at, inner.offset - at, inner.ethertype};
}

}  // namespace nicsentry
