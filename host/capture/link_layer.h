// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "host/capture/record.h"

namespace nicsentry {

// Whether frames of a link type (LINKTYPE_*) are read.
bool is_known_link_type(std::uint32_t link_type);
// "187 (see https://www.tcpdump.org/linktypes.html)".
std::string link_type_text(std::uint32_t link_type);

// The payload of a frame behind the header of its link layer.
struct LinkPayload {
  bool ethernet = false;        // an Ethernet frame
  std::uint16_t ethertype = 0;  // else; 0: nothing that is known to be IP, or the header is cut off
  std::size_t offset = 0;       // of the payload; can be beyond the captured bytes
};

// Reads the header of a known link type. Headers that carry another link type (PPI, PKTAP, radiotap) are followed.
LinkPayload read_link_header(std::uint32_t link_type, FileOrder order, std::span<const std::uint8_t> frame);

// Headers that stand between an Ethernet frame's EtherType and IPv4 or IPv6: PPPoE or MPLS.
struct Encapsulation {
  std::size_t offset = 0;       // behind the EtherType
  std::size_t bytes = 0;        // how long they are; 0: there are none
  std::uint16_t ethertype = 0;  // of what is behind them
};
Encapsulation find_encapsulation(std::span<const std::uint8_t> ethernet_frame);

}  // namespace nicsentry
