// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_set>

#include "host/base/timestamp.h"

namespace nicsentry {

// Tells packets that a mirror copied twice, as one of two VLANs or of both sides of a router does. Two packets are the
// same if their IP and transport headers are, with identification and lengths, apart from what a router changes (TTL or
// hop limit, checksum), and if they are within 100 us of each other. The last 65,536 packets are remembered.
class Duplicates {
 public:
  // Whether the IP packet of an Ethernet frame was seen already. Other frames are not.
  bool seen_before(TimestampNs timestamp_ns, std::span<const std::uint8_t> frame);

 private:
  struct Seen {
    TimestampNs timestamp_ns;
    const std::string* headers;  // in headers_
  };

  void forget(TimestampNs now_ns);

  std::deque<Seen> order_;
  std::unordered_set<std::string> headers_;
};

}  // namespace nicsentry
