// SPDX-License-Identifier: GPL-2.0-or-later
// A packet's fields in words: they are refused, or make a frame that a test run takes and the parser reads.
#include "host/rules/language/packet_text.h"

#include <sstream>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/packet/parser.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using nicsentry::fuzz::require;
  std::istringstream input(std::string(reinterpret_cast<const char*>(data), size));
  std::vector<std::string> words;
  for (std::string word; input >> word;) words.push_back(word);
  try {
    const nicsentry::ImaginedPacket packet = nicsentry::parse_packet_words(words);
    const std::vector<std::uint8_t> frame = nicsentry::frame_of(packet);
    require(frame.size() >= 34, "a frame has an IP header");
    const auto parsed = nicsentry::parse_packet(frame);
    if (parsed) {
      require(parsed->source.address == packet.source, "the frame has the packet's source");
      require(parsed->destination.address == packet.destination, "the frame has the packet's destination");
    }
  } catch (const nicsentry::Error& error) {
    require(error.what()[0] != '\0', "an error has a text");
  }
  return 0;
}
