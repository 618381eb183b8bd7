// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/session_groups.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "host/base/error.h"
#include "host/base/number_text.h"

namespace nicsentry {
namespace {

struct KeyName {
  std::string_view word;
  Grouping::Key key;
  std::string_view name;
};
constexpr std::array<KeyName, 4> kKeyNames{{
    {"src", Grouping::Key::source, "source"},
    {"dst", Grouping::Key::destination, "destination"},
    {"dport", Grouping::Key::destination_port, "server port"},
    {"proto", Grouping::Key::protocol, "protocol"},
}};
constexpr unsigned kIpv4Bits = 32;
constexpr unsigned kIpv6Bits = 128;

bool groups_addresses(Grouping::Key key) { return key == Grouping::Key::source || key == Grouping::Key::destination; }

// The values that sessions of one group share; the rest is 0.
struct GroupKey {
  std::uint8_t version = 0;  // of the address, so that IPv4 comes first
  IpAddress address;
  Protocol protocol = Protocol::tcp;
  std::uint16_t port = 0;

  auto operator<=>(const GroupKey&) const = default;
};

IpAddress first_bits(IpAddress address, const Grouping& grouping) {
  const unsigned bits = address.version == 4 ? grouping.ipv4_bits : grouping.ipv6_bits;
  for (unsigned byte = 0; byte < address.bytes.size(); ++byte) {
    const unsigned kept = std::min(8U, bits - std::min(bits, byte * 8));
    address.bytes.at(byte) = static_cast<std::uint8_t>(address.bytes.at(byte) & (0xff00U >> kept));
  }
  return address;
}

GroupKey key_of(const SessionWindow& session, const Grouping& grouping) {
  GroupKey key;
  switch (grouping.key) {
    case Grouping::Key::source:
      key.address = first_bits(session.client.address, grouping);
      break;
    case Grouping::Key::destination:
      key.address = first_bits(session.server.address, grouping);
      break;
    case Grouping::Key::destination_port:
      key.port = session.server.port;
      key.protocol = session.protocol;
      break;
    case Grouping::Key::protocol:
      key.protocol = session.protocol;
      break;
  }
  if (groups_addresses(grouping.key)) {
    key.version = key.address.version;
  }
  return key;
}

std::string name_of_group(const GroupKey& key, const Grouping& grouping) {
  if (groups_addresses(grouping.key)) {
    const unsigned bits = key.address.version == 4 ? grouping.ipv4_bits : grouping.ipv6_bits;
    const bool whole = bits == (key.address.version == 4 ? kIpv4Bits : kIpv6Bits);
    return key.address.text() + (whole ? "" : "/" + std::to_string(bits));
  }
  const bool ports = key.protocol == Protocol::tcp || key.protocol == Protocol::udp;
  const bool named = grouping.key == Grouping::Key::destination_port && ports;
  return protocol_name(key.protocol) + (named ? " " + std::to_string(key.port) : std::string());
}

}  // namespace

Grouping parse_grouping(std::string_view text) {
  const auto refuse = [text] {
    throw BadRequest("read '" + std::string(text) +
                     "', allowed are src, dst, dport, proto, and for prefixes src/24 or dst/24/64 (IPv4, IPv6)");
  };
  const std::size_t slash = text.find('/');
  const std::string_view word = text.substr(0, slash);
  const auto* const known =
      std::find_if(kKeyNames.begin(), kKeyNames.end(), [word](const KeyName& name) { return name.word == word; });
  if (known == kKeyNames.end()) {
    refuse();
  }
  Grouping grouping;
  grouping.key = known->key;
  if (slash == std::string_view::npos) {
    return grouping;
  }
  const std::string_view lengths = text.substr(slash + 1);
  const std::size_t second = lengths.find('/');
  const auto ipv4 = parse_number<unsigned>(lengths.substr(0, second));
  const auto ipv6 =
      second == std::string_view::npos ? std::optional(kIpv6Bits) : parse_number<unsigned>(lengths.substr(second + 1));
  if (!groups_addresses(grouping.key) || !ipv4 || !ipv6 || *ipv4 > kIpv4Bits || *ipv6 > kIpv6Bits) {
    refuse();
  }
  grouping.ipv4_bits = *ipv4;
  grouping.ipv6_bits = *ipv6;
  return grouping;
}

std::string grouping_name(const Grouping& grouping, std::size_t count) {
  for (const KeyName& known : kKeyNames) {
    if (known.key == grouping.key) {
      return std::string(known.name) + (count == 1 ? "" : "s");
    }
  }
  return {};
}

std::vector<SessionGroup> group_sessions(const std::vector<SessionWindow>& sessions, const Grouping& grouping,
                                         std::vector<std::size_t>* places) {
  std::map<GroupKey, SessionGroup> by_key;
  std::vector<const SessionGroup*> of_session;
  for (const SessionWindow& session : sessions) {
    SessionGroup& group = by_key[key_of(session, grouping)];
    if (places != nullptr) {
      of_session.push_back(&group);
    }
    ++group.sessions;
    group.packets_server += session.packets_server;
    group.packets_client += session.packets_client;
    group.bytes_server += session.bytes_server;
    group.bytes_client += session.bytes_client;
    group.add(session);
  }
  std::vector<SessionGroup> groups;
  groups.reserve(by_key.size());
  for (auto& [key, group] : by_key) {
    group.name = name_of_group(key, grouping);
    group.port = key.port;
    group.protocol = key.protocol;
    group.place = groups.size();
    groups.push_back(group);
  }
  if (places != nullptr) {
    for (const SessionGroup* group : of_session) {
      places->push_back(group->place);
    }
  }
  std::sort(groups.begin(), groups.end(), [](const SessionGroup& left, const SessionGroup& right) {
    return std::tuple(right.packets(), left.place) < std::tuple(left.packets(), right.place);
  });
  return groups;
}

}  // namespace nicsentry
