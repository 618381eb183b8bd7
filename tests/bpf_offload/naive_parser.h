// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"

namespace nicsentry::testing {

// The reading of a frame that a program should make.
struct Reading {
  std::optional<not_understood> cause;  // none: the rest but `bytes` counts
  std::uint32_t bytes = 0;
  Endpoint source;
  Endpoint destination;
  Protocol protocol = Protocol::tcp;
  std::size_t transport_offset = 0;  // from the IP header
};

// The packet walk once more, for comparison: from the RFCs and the list of causes, without the program's code.
// `on_card`: as far as a program on the card goes.
Reading read_naively(std::span<const std::uint8_t> frame, bool tracks_icmp, bool on_card);

}  // namespace nicsentry::testing
