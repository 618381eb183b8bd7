// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bpf_offload/naive_parser.h"

#include <algorithm>
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

unsigned read_ethernet(Input& frame, Reading& reading) {
  frame.take(12);
  unsigned type = number(frame.take(2), 0);
  reading.bytes = static_cast<std::uint32_t>(frame.left());
  for (unsigned tags = 0; type == 0x8100 || type == 0x88a8; ++tags) {
    if (tags == 2) {
      throw Stop{CAUSE_VLAN_DEPTH};
    }
    type = number(frame.take(4), 2);
    reading.bytes = static_cast<std::uint32_t>(frame.left());
  }
  return type;
}

unsigned read_ipv4(Input& packet, Reading& reading) {
  const Bytes header = packet.take(20);
  const std::size_t length = (header[0] % 16U) * 4U;
  const std::size_t total = number(header, 2);
  if (header[0] / 16 != 4 || length < 20 || length > total) {
    throw Stop{CAUSE_MALFORMED};
  }
  trim(packet, total, 20, reading);
  if (number(header, 6) % 8192 != 0) {
    throw Stop{CAUSE_LATER_FRAGMENT};
  }
  packet.take(length - 20);
  reading.source.address = address(header, 12, 4);
  reading.destination.address = address(header, 16, 4);
  return header[9];
}

bool is_extension(unsigned next) { return next == 0 || next == 43 || next == 44 || next == 60; }

// `start`: of the IP header in the frame.
unsigned read_ipv6(Input& packet, std::size_t start, Reading& reading) {
  const Bytes header = packet.take(40);
  if (header[0] / 16 != 6) {
    throw Stop{CAUSE_MALFORMED};
  }
  trim(packet, 40U + number(header, 4), 40, reading);
  reading.source.address = address(header, 8, 6);
  reading.destination.address = address(header, 24, 6);
  unsigned next = header[6];
  std::size_t position = start + 40;
  std::size_t beyond = 0;  // how far an extension header says it reaches past the packet's end
  for (unsigned count = 0; is_extension(next); ++count) {
    if (count == 4 || position - start > PACKET_WALK_BYTES) {
      throw Stop{CAUSE_EXTENSIONS};
    }
    if (beyond > 0) {
      throw Stop{CAUSE_MALFORMED};
    }
    const Bytes first = take_within(packet, 8);
    if (next == 44 && number(first, 2) / 8 != 0) {
      throw Stop{CAUSE_LATER_FRAGMENT};
    }
    const std::size_t rest = next == 44 ? 0 : first[1] * std::size_t{8};
    beyond = rest > packet.left() ? rest - packet.left() : 0;
    packet.take(rest - beyond);
    position += 8 + rest;
    next = first[0];
  }
  // An extension header that reaches too far has taken all: what follows it does not fit either.
  return next;
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

void read_transport(Input& packet, Reading& reading) {
  const std::size_t fixed = reading.protocol == Protocol::tcp ? 20 : 8;
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
    take_within(packet, length - 20);
  }
}

}  // namespace

Reading read_naively(std::span<const std::uint8_t> frame, bool tracks_icmp) {
  Reading reading;
  try {
    Input input(Bytes(frame.begin(), frame.end()));
    const unsigned type = read_ethernet(input, reading);
    if (type != 0x0800 && type != 0x86dd) {
      throw Stop{CAUSE_NOT_IP};
    }
    const bool ipv6 = type == 0x86dd;
    const std::size_t start = frame.size() - input.left();
    const unsigned next = ipv6 ? read_ipv6(input, start, reading) : read_ipv4(input, reading);
    reading.protocol = tracked(next, ipv6, tracks_icmp);
    reading.transport_offset = reading.bytes - input.left();
    read_transport(input, reading);
  } catch (const Stop& stop) {
    reading.cause = stop.cause;
  }
  return reading;
}

}  // namespace nicsentry::testing
