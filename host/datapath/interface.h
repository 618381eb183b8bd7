// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/datapath/link_header.h"

namespace nicsentry {

// A network interface of this process's network namespace, as it was when it was looked up.
struct Interface {
  std::string name;
  int index = 0;
  bool up = false;
  bool carrier = false;  // something is at the other end of the line, and it is up
  unsigned mtu = 0;
  LinkHeader link = LinkHeader::ethernet;
  std::uint16_t link_type = 0;  // ARPHRD_*
  bool strips_tags = false;     // it may take VLAN tags out of packets before XDP programs see them
  std::string driver;           // as `ethtool -i` says it; empty where the interface has none
  std::string firmware;         // likewise
};

// Throws Error when there is no such interface.
Interface find_interface(const std::string& name);

// All interfaces of the namespace, by index.
std::vector<Interface> list_interfaces();

// The kernel's name of the interface with this index; nothing where there is none. Throws SystemError where that cannot
// be told, as without a free descriptor.
std::optional<std::string> interface_name(int index);
// The index of the interface with this name, which may be one of several; 0 where there is none. Throws likewise.
int interface_index(const std::string& name);
// The state of a link. Packets pass where an interface is up, and has a carrier.
enum class LinkState : std::uint8_t { down, no_carrier, up };
// Throws SystemError where there is no such interface.
LinkState link_state(const std::string& name);
// Whether an interface with this index is still there. Throws likewise.
bool interface_exists(int index);

// The inode of this thread's network namespace, by which claims of the same interface name are kept apart.
unsigned long network_namespace();

}  // namespace nicsentry
