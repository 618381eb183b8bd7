// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace nicsentry::lint {

// Kinds of register content. The numbers are the kernel's (enum bpf_reg_type of Linux 6.1): the driver prints them.
enum class Kind : std::uint8_t {
  nothing = 0,
  scalar = 1,
  context = 2,
  map = 3,
  map_value = 4,
  stack = 6,
  packet_meta = 7,
  packet = 8,
  packet_end = 9,
  memory = 22,  // the argument of a global function
  function = 24,
};

// The facts that the paths through an instruction share, as the driver collects them. "Last" is the path walked last.
struct InstructionFacts {
  bool seen = false;
  bool zero_extends = false;  // the upper half of the result is read later

  // Loads, stores and atomic operations: the last pointer.
  Kind pointer = Kind::nothing;
  std::int64_t pointer_offset = 0;     // without the instruction's own
  std::uint64_t pointer_variable = 0;  // the known part of a variable offset
  std::uint32_t pointer_id = 0;
  bool pointer_varies = false;
  bool callers_stack = false;
  bool addend_over_16_bits = false;
  bool addend_maybe_16_bits = false;

  // Arithmetic: bounds over all paths.
  std::uint64_t source_min = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t source_max = 0;
  std::uint64_t target_min = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t target_max = 0;

  // Calls of helpers.
  bool called = false;
  Kind event_data = Kind::nothing;
  std::int64_t key_offset = 0;  // on the stack, from the frame's end
  bool key_varies = false;
};

// The facts on a program from the walk over all paths.
struct ProgramFacts {
  std::vector<InstructionFacts> instructions;
  std::vector<std::size_t> function_starts;     // in order; the first is 0
  std::vector<std::uint32_t> stack_depths;      // bytes, of each function
  std::uint64_t packet_bytes = 0;               // how far into the packet it may reach
  std::optional<std::size_t> adjust_head_call;  // the only one, by a constant that needs no check
  bool chooses_queue = false;                   // writes rx_queue_index, which the kernel allows on a device only
};

}  // namespace nicsentry::lint
