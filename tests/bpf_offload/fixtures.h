// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/bpf_offload/bench.h"
#include "tests/support/packet_builder.h"

namespace nicsentry::testing {

// A frame and what the programs are to make of it.
struct Fixture {
  std::string why;
  Bytes frame;
  Reading reading;                                // of the programs that track ICMP
  bool is_icmp = false;                           // the others count it as CAUSE_PROTOCOL
  std::optional<Reading> on_card = std::nullopt;  // where it makes something else of it

  Reading reading_of(const ObjectName& object) const {
    Reading result = object.target == Target::card && on_card ? *on_card : reading;
    if (is_icmp && !object.tracks_icmp()) {
      result.cause = CAUSE_PROTOCOL;
    }
    return result;
  }
};

IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
IpAddress ipv6(std::uint8_t last);  // 2001:db8::last

const std::vector<Fixture>& fixtures();

}  // namespace nicsentry::testing
