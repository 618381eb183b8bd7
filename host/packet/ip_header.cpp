// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/packet/ip_header.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "bpf_offload/types.h"

namespace nicsentry {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kEthernetBytes = std::tuple_size_v<EthernetHeader>;
constexpr std::size_t kVlanTagBytes = std::tuple_size_v<VlanTag>;

// EtherTypes: IEEE 802 numbers, IANA.
constexpr std::uint16_t kVlanTag = 0x8100;
constexpr std::uint16_t kServiceVlanTag = 0x88a8;
constexpr std::uint16_t kOldServiceVlanTags[] = {0x9100, 0x9200, 0x9300};  // from before IEEE 802.1ad
constexpr std::uint16_t kVlanId = 0x0fff;                                  // of a tag's control information
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;

constexpr std::uint16_t kIpv4MoreFragments = 0x2000;
constexpr std::uint16_t kIpv4FragmentOffset = 0x1fff;
constexpr std::uint16_t kIpv6MoreFragments = 0x0001;
constexpr std::uint16_t kIpv6FragmentOffset = 0xfff8;

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kMobility = 135;
constexpr std::uint8_t kHostIdentity = 139;
constexpr std::uint8_t kShim6 = 140;
constexpr std::size_t kExtensionUnit = 8;
constexpr std::size_t kAuthenticationUnit = 4;

IpAddress address(Bytes bytes, std::uint8_t version) {
  IpAddress address;
  address.version = version;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

bool is_vlan_tag(std::uint16_t type) {
  return type == kVlanTag || type == kServiceVlanTag ||
         std::find(std::begin(kOldServiceVlanTags), std::end(kOldServiceVlanTags), type) !=
             std::end(kOldServiceVlanTags);
}

// A tag of VLAN 0 has a priority only.
void add_vlan(VlanIds& vlans, std::uint16_t vlan) {
  if (vlans.outer == 0) {
    vlans.outer = vlan;
  } else if (vlans.inner == 0) {
    vlans.inner = vlan;
  }
}

}  // namespace

IpPosition find_ip(std::span<const std::uint8_t> frame) {
  VlanIds vlans;
  std::size_t end = kEthernetBytes;  // of the header or tag whose last two bytes are the EtherType
  for (int tags = 0; end <= frame.size(); ++tags, end += kVlanTagBytes) {
    const std::uint16_t type = be16(frame, end - 2);
    if (type == kIpv4 || type == kIpv6) {
      return {type == kIpv4 ? std::uint8_t{4} : std::uint8_t{6}, end, end, vlans};
    }
    if (!is_vlan_tag(type) || tags == VLAN_TAGS_MAX_HOST) break;
    if (end + kVlanTagBytes <= frame.size()) add_vlan(vlans, be16(frame, end) & kVlanId);
  }
  return {0, 0, end, vlans};
}

EthernetHeader ethernet_header_for(Bytes ip) {
  EthernetHeader header{};
  const unsigned version = ip.empty() ? 0 : ip[0] >> 4U;
  const std::uint16_t type = version == 4 ? kIpv4 : version == 6 ? kIpv6 : 0;
  header[kEthernetBytes - 2] = static_cast<std::uint8_t>(type >> 8U);
  header[kEthernetBytes - 1] = static_cast<std::uint8_t>(type);
  return header;
}

VlanTag vlan_tag(std::uint32_t id) {
  return {kVlanTag >> 8U, kVlanTag & 0xffU, static_cast<std::uint8_t>(id >> 8U), static_cast<std::uint8_t>(id)};
}

std::optional<std::uint16_t> first_tag(std::span<const std::uint8_t> frame) {
  std::optional<std::uint16_t> id;
  std::size_t end = kEthernetBytes;
  for (int tags = 0; tags < VLAN_TAGS_MAX_HOST && id.value_or(0) == 0; ++tags) {
    if (frame.size() < end + kVlanTagBytes || !is_vlan_tag(be16(frame, end - 2))) {
      break;
    }
    id = static_cast<std::uint16_t>(be16(frame, end) & kVlanId);
    end += kVlanTagBytes;
  }
  return id;
}

bool is_extension(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kFragment || protocol == kAuthentication ||
         protocol == kDestinationOptions || protocol == kMobility || protocol == kHostIdentity || protocol == kShim6;
}

bool is_mapped(const IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.version == 6 && std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
}

std::optional<IpView> IpView::read(std::span<const std::uint8_t> ip, std::uint8_t version) {
  if (ip.size() < (version == 4 ? kIpv4HeaderBytes : kIpv6HeaderBytes) || ip[0] >> 4U != version) return std::nullopt;
  const IpView view(ip, version);
  if (version == 4 && view.header_bytes() < kIpv4HeaderBytes) return std::nullopt;
  return view;
}

IpAddress IpView::source() const {
  return version_ == 4 ? address(ip_.subspan(12, 4), 4) : address(ip_.subspan(8, 16), 6);
}

IpAddress IpView::destination() const {
  return version_ == 4 ? address(ip_.subspan(16, 4), 4) : address(ip_.subspan(24, 16), 6);
}

bool IpView::has_mapped_address() const { return is_mapped(source()) || is_mapped(destination()); }

std::size_t IpView::header_bytes() const { return version_ == 4 ? std::size_t{ip_[0]} % 16 * 4 : kIpv6HeaderBytes; }

std::size_t IpView::total_bytes() const { return version_ == 4 ? be16(ip_, 2) : kIpv6HeaderBytes + be16(ip_, 4); }

bool IpView::has_jumbo_option() const { return version_ == 6 && be16(ip_, 4) == 0 && protocol() == kHopByHop; }

TransportPosition IpView::transport(std::size_t limit) const {
  limit = std::min(limit, ip_.size());
  TransportPosition at{protocol(), header_bytes(), false, false, false, header_bytes()};
  if (version_ == 4) {
    at.cut = at.offset > limit;
    at.later_fragment = (flags_fragment() & kIpv4FragmentOffset) != 0;
    at.first_fragment = !at.later_fragment && (flags_fragment() & kIpv4MoreFragments) != 0;
    return at;
  }
  for (int i = 0; i < EXTENSIONS_MAX_HOST && is_extension(at.protocol); ++i) {
    at.reach = at.offset + kExtensionUnit;
    at.cut = at.reach > limit;
    if (at.cut) return at;
    const Bytes extension = ip_.subspan(at.offset, kExtensionUnit);
    const bool fragment = at.protocol == kFragment;
    const bool authentication = at.protocol == kAuthentication;
    at.protocol = extension[0];
    at.later_fragment = fragment && (be16(extension, 2) & kIpv6FragmentOffset) != 0;
    if (at.later_fragment) return at;
    if (fragment) {
      at.first_fragment = at.first_fragment || (be16(extension, 2) & kIpv6MoreFragments) != 0;
    } else {
      at.reach += extension[1] * (authentication ? kAuthenticationUnit : kExtensionUnit);
    }
    at.offset = at.reach;
    at.cut = at.offset > limit;
    if (at.cut) return at;
  }
  return at;
}

}  // namespace nicsentry
