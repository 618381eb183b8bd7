// SPDX-License-Identifier: GPL-2.0-or-later
// A frame: what is read of it lies within it, and its segments hold as many bytes as it does.
#include "host/packet/parser.h"

#include <vector>

#include "host/rules/judged_packet.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using nicsentry::fuzz::require;
  const std::span<const std::uint8_t> frame(data, size);
  nicsentry::header_reach(frame);
  for (unsigned cause = 0; cause <= CAUSES; ++cause) {
    nicsentry::judged_packet(frame, cause < CAUSES ? std::optional<unsigned>(cause) : std::nullopt, STATE_NEW);
  }
  const auto packet = nicsentry::parse_packet(frame);
  if (!packet) {
    return 0;
  }
  require(packet->ip_offset < size, "the IP header is in the frame");
  event_header event{};
  event.bytes = packet->header_bytes + 3000;
  event.segments = 3;
  event.segment_payload = 1000;
  std::vector<nicsentry::PacketFeatures> segments;
  nicsentry::append_segments(*packet, event, 100, segments);
  require(segments.size() <= 100, "there are no more segments than asked for");
  return 0;
}
