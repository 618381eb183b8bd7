// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bpf_offload/naive_parser.h"

#include <algorithm>
#include <array>
#include <vector>

namespace nicsentry::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Thrown at the first reason not to understand a packet.
struct Stop {
  not_understood cause;
};

// Bytes that are taken from the front. Running dry is a truncated frame.
class Input {
 public:
  explicit Input(Bytes bytes) : bytes_(std::move(bytes)) {}

  std::size_t left() const { return bytes_.size(); }
  Bytes take(std::size_t count) {
    if (count > bytes_.size()) {
      throw Stop{CAUSE_TRUNCATED};
    }
    const auto end = bytes_.begin() + static_cast<std::ptrdiff_t>(count);
    Bytes taken(bytes_.begin(), end);
    bytes_.erase(bytes_.begin(), end);
    return taken;
  }
  void shorten_to(std::size_t count) { bytes_.resize(count); }

 private:
  Bytes bytes_;
};

unsigned number(const Bytes& bytes, std::size_t at) { return bytes[at] * 256U + bytes[at + 1]; }

IpAddress address(const Bytes& header, std::size_t at, std::uint8_t version) {
  IpAddress result;
  result.version = version;
  std::copy_n(header.begin() + static_cast<std::ptrdiff_t>(at), version == 6 ? 16 : 4, result.bytes.begin());
  return result;
}

// Within the packet that the IP length describes a header that does not fit contradicts that length.
Bytes take_within(Input& packet, std::size_t count) {
  if (count > packet.left()) {
    throw Stop{CAUSE_MALFORMED};
  }
  return packet.take(count);
}

void trim(Input& packet, std::size_t total, std::size_t header_taken, Reading& reading) {
  if (packet.left() + header_taken < total) {
    throw Stop{CAUSE_TRUNCATED};
  }
  packet.shorten_to(total - header_taken);
  reading.bytes = static_cast<std::uint32_t>(total);
}

bool is_tag(unsigned type, bool on_card) {
  const bool old = type == 0x9100 || type == 0x9200 || type == 0x9300;
  return type == 0x8100 || type == 0x88a8 || (old && !on_card);
}

unsigned read_ethernet(Input& frame, bool on_card, Reading& reading) {
  frame.take(12);
  unsigned type = number(frame.take(2), 0);
  reading.bytes = static_cast<std::uint32_t>(frame.left());
  for (unsigned tags = 0; is_tag(type, on_card); ++tags) {
    if (tags == (on_card ? 2 : 8)) {
      throw Stop{CAUSE_VLAN_DEPTH};
    }
    type = number(frame.take(4), 2);
    reading.bytes = static_cast<std::uint32_t>(frame.left());
  }
  return type;
}

// The transport header as the IP header announces it.
struct Announced {
  unsigned protocol = 0;
  bool first_fragment = false;
};

constexpr unsigned kTcp = 6;

// A fragment that begins in the middle of a TCP header (RFC 3128).
void refuse_tiny_offset(unsigned offset_bytes, unsigned protocol) {
  if (offset_bytes == 8 && protocol == kTcp) {
    throw Stop{CAUSE_MALFORMED};
  }
}

Announced read_ipv4(Input& packet, Reading& reading) {
  const Bytes header = packet.take(20);
  const std::size_t length = (header[0] % 16U) * 4U;
  const std::size_t total = number(header, 2);
  if (header[0] / 16 != 4 || length < 20 || length > total) {
    throw Stop{CAUSE_MALFORMED};
  }
  trim(packet, total, 20, reading);
  if (number(header, 6) % 8192 != 0) {
    refuse_tiny_offset(number(header, 6) % 8192 * 8, header[9]);
    throw Stop{CAUSE_LATER_FRAGMENT};
  }
  packet.take(length - 20);
  reading.source.address = address(header, 12, 4);
  reading.destination.address = address(header, 16, 4);
  return {header[9], (number(header, 6) & 0x2000U) != 0};
}

bool is_extension(unsigned next, bool on_card) {
  const bool rarer = next == 51 || next == 135 || next == 139 || next == 140;
  return next == 0 || next == 43 || next == 44 || next == 60 || (rarer && !on_card);
}

// ::ffff:0:0/96
bool is_mapped_address(const IpAddress& address) {
  const std::array<std::uint8_t, 12> front{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(front.begin(), front.end(), address.bytes.begin());
}

// `start`: of the IP header in the frame.
Announced read_ipv6(Input& packet, std::size_t start, bool on_card, Reading& reading) {
  const Bytes header = packet.take(40);
  if (header[0] / 16 != 6) {
    throw Stop{CAUSE_MALFORMED};
  }
  const bool as_long_as_the_frame = number(header, 4) == 0 && header[6] == 0 && !on_card;
  trim(packet, as_long_as_the_frame ? 40U + packet.left() : 40U + number(header, 4), 40, reading);
  reading.source.address = address(header, 8, 6);
  reading.destination.address = address(header, 24, 6);
  if (is_mapped_address(reading.source.address) || is_mapped_address(reading.destination.address)) {
    throw Stop{CAUSE_MALFORMED};
  }
  unsigned next = header[6];
  bool first_fragment = false;
  std::size_t position = start + 40;
  std::size_t beyond = 0;  // how far an extension header says it reaches past the packet's end
  for (unsigned count = 0; is_extension(next, on_card); ++count) {
    if (count == (on_card ? 4 : 8) || position - start > PACKET_WALK_BYTES) {
      throw Stop{CAUSE_EXTENSIONS};
    }
    if (beyond > 0) {
      throw Stop{CAUSE_MALFORMED};
    }
    const Bytes first = take_within(packet, 8);
    if (next == 44 && number(first, 2) / 8 != 0) {
      refuse_tiny_offset(number(first, 2) / 8 * 8, first[0]);
      throw Stop{CAUSE_LATER_FRAGMENT};
    }
    if (next == 43 && (first[2] == 3 || first[2] == 4) && (first[0] == 4 || first[0] == 41) && !on_card) {
      throw Stop{CAUSE_EXTENSIONS};  // Linux may take the packet behind it out
    }
    first_fragment = first_fragment || (next == 44 && number(first, 2) % 2 != 0);
    const std::size_t rest = next == 44 ? 0 : first[1] * std::size_t{next == 51 ? 4U : 8U};
    beyond = rest > packet.left() ? rest - packet.left() : 0;
    packet.take(rest - beyond);
    position += 8 + rest;
    next = first[0];
  }
  // An extension header that reaches too far has taken all: what follows it does not fit either.
  return {next, first_fragment};
}

Protocol tracked(unsigned next, bool ipv6, bool tracks_icmp) {
  if (next == 6) {
    return Protocol::tcp;
  }
  if (next == 17) {
    return Protocol::udp;
  }
  if (tracks_icmp && !ipv6 && next == 1) {
    return Protocol::icmp;
  }
  if (tracks_icmp && ipv6 && next == 58) {
    return Protocol::icmpv6;
  }
  throw Stop{CAUSE_PROTOCOL};
}

// `may_end`: the TCP header may end in a later fragment, behind its flags.
void read_transport(Input& packet, bool may_end, Reading& reading) {
  const std::size_t fixed = reading.protocol != Protocol::tcp ? 8 : may_end ? 14 : 20;
  if (packet.left() < fixed) {
    throw Stop{CAUSE_MALFORMED};
  }
  if (reading.transport_offset + 20 > PACKET_WALK_BYTES) {
    throw Stop{CAUSE_EXTENSIONS};
  }
  const Bytes header = packet.take(fixed);
  if (reading.protocol == Protocol::tcp || reading.protocol == Protocol::udp) {
    reading.source.port = static_cast<std::uint16_t>(number(header, 0));
    reading.destination.port = static_cast<std::uint16_t>(number(header, 2));
  }
  if (reading.protocol == Protocol::tcp) {
    const std::size_t length = (header[12] / 16U) * 4U;
    if (length < 20) {
      throw Stop{CAUSE_MALFORMED};
    }
    if (!may_end) {
      take_within(packet, length - 20);
    }
  }
}

}  // namespace

Reading read_naively(std::span<const std::uint8_t> frame, bool tracks_icmp, bool on_card) {
  Reading reading;
  try {
    Input input(Bytes(frame.begin(), frame.end()));
    const unsigned type = read_ethernet(input, on_card, reading);
    if (type != 0x0800 && type != 0x86dd) {
      throw Stop{CAUSE_NOT_IP};
    }
    const bool ipv6 = type == 0x86dd;
    const std::size_t start = frame.size() - input.left();
    const Announced next = ipv6 ? read_ipv6(input, start, on_card, reading) : read_ipv4(input, reading);
    reading.protocol = tracked(next.protocol, ipv6, tracks_icmp);
    reading.transport_offset = reading.bytes - input.left();
    read_transport(input, next.first_fragment && !on_card, reading);
  } catch (const Stop& stop) {
    reading.cause = stop.cause;
  }
  return reading;
}

}  // namespace nicsentry::testing
