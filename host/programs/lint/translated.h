// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "host/programs/lint/facts.h"
#include "host/programs/lint/program_image.h"

namespace nicsentry::lint {

// An instruction during translation, with what the driver's optimisations have found.
struct Translated {
  Instruction instruction{};
  const InstructionFacts* facts = nullptr;
  bool jump_target = false;
  bool function_start = false;
  bool removed = false;   // by the kernel
  bool absorbed = false;  // by an instruction before it

  // A copy of memory gathered from loads and stores: its length, and where it stores to.
  unsigned copied_bytes = 0;
  bool copied_downwards = false;
  std::int16_t store_offset = 0;

  // A load that reads from packet bytes fetched by an earlier load.
  bool fetches = false;
  std::int16_t fetch_start = 0;
  std::int16_t fetch_end = 0;

  bool skipped() const { return removed || absorbed; }
  bool loads_packet() const { return is_load(instruction) && facts->pointer == Kind::packet; }
  bool stores_packet() const {
    return (is_store(instruction) || is_constant_store(instruction)) && facts->pointer == Kind::packet;
  }
};

// Finds load/store pairs that copy memory into the packet: the driver makes one bulk copy of several.
void gather_copies(std::vector<Translated>& program);

// Finds loads of neighbouring packet bytes: the driver fetches up to 64 bytes at once.
void gather_packet_loads(std::vector<Translated>& program);

}  // namespace nicsentry::lint
