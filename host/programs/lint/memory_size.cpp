// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/memory_size.h"

#include <algorithm>

#include "host/programs/lint/code_size.h"

namespace nicsentry::lint {
namespace {

constexpr unsigned kRegisterBytes = 4;
constexpr unsigned kDirectBytes = 32;  // of a command without a length in a register

std::uint32_t as_operand(std::int64_t value) { return static_cast<std::uint32_t>(value); }

unsigned registers(unsigned bytes) { return (bytes + kRegisterBytes - 1) / kRegisterBytes; }

unsigned zero_extension(const Translated& at) { return at.facts->zero_extends ? 1 : 0; }

// The moves that follow the command, out of the transfer registers.
unsigned moves_after_load(const Translated& at) {
  const unsigned bytes = access_bytes(at.instruction);
  return bytes == 8 ? 2 : 1 + zero_extension(at);
}

unsigned fetch_size(const Translated& at) {
  const auto bytes = static_cast<unsigned>(at.fetch_end - at.fetch_start);
  return restricted_operand_size(as_operand(at.fetch_start)) + (bytes > kDirectBytes ? 1 : 0) + 1;
}

// Takes the value out of the fetched words: one instruction for each register that it lies across, or two.
unsigned fetched_value_size(const Translated& at) {
  const unsigned bytes = access_bytes(at.instruction);
  const auto offset = static_cast<std::uint8_t>(at.instruction.off - at.fetch_start);
  const unsigned within = offset % kRegisterBytes;
  if (within == 0 || bytes <= kRegisterBytes - within) {
    return bytes == 8 ? 2 : 1 + zero_extension(at);
  }
  return bytes <= kRegisterBytes ? 2 + zero_extension(at) : 4;
}

// Writing a copy's transfer registers out.
unsigned copy_write_size(unsigned bytes, std::int16_t offset) {
  const bool whole_words = bytes % kRegisterBytes == 0;
  if (bytes <= 8 || (bytes <= kDirectBytes && whole_words)) {
    return 1;
  }
  if (bytes <= kDirectBytes || whole_words) {
    return 2;
  }
  if (bytes <= 40) {
    return 1 + restricted_operand_size(as_operand(offset + 32)) + 1;
  }
  const auto rest = static_cast<std::uint8_t>(offset + static_cast<int>(registers(bytes) - 1) * 4);
  return 2 + restricted_operand_size(rest) + 1;
}

}  // namespace

unsigned packet_load_size(const Translated& at) {
  if (at.fetch_end != 0) {
    return (at.fetches ? fetch_size(at) : 0) + fetched_value_size(at);
  }
  return restricted_operand_size(as_operand(at.instruction.off)) + 1 + moves_after_load(at);
}

unsigned map_value_load_size(const Translated& at) {
  const unsigned address = at.instruction.off != 0 ? 2 : 0;
  return restricted_operand_size(as_operand(at.instruction.off)) + address + 1 + moves_after_load(at);
}

unsigned packet_store_size(const Translated& at) {
  return restricted_operand_size(as_operand(at.instruction.off)) + registers(access_bytes(at.instruction)) + 1;
}

unsigned atomic_add_size(const Translated& at) {
  const InstructionFacts& facts = *at.facts;
  const bool either = facts.addend_maybe_16_bits && facts.addend_over_16_bits;
  unsigned size = operand_size(as_operand(at.instruction.off));
  size += at.instruction.off != 0 ? 2 : 0;
  size += either ? 5 : 0;  // choose between the two
  size += facts.addend_maybe_16_bits ? 3 : 0;
  size += facts.addend_over_16_bits ? (access_bytes(at.instruction) == 8 ? 3 : 2) : 0;
  return size;
}

unsigned copy_size(const Translated& at) {
  const unsigned bytes = at.copied_bytes;
  unsigned size = restricted_operand_size(as_operand(at.instruction.off));
  size += at.facts->pointer == Kind::map_value && at.instruction.off != 0 ? 2 : 0;
  size += bytes > kDirectBytes ? 1 : 0;
  size += 1 + registers(bytes);
  size += restricted_operand_size(as_operand(at.store_offset));
  size += copy_write_size(bytes, at.store_offset);
  return size + 2;  // the loaded register's value
}

unsigned stack_access_size(const Translated& at, std::uint32_t frame_depth) {
  const InstructionFacts& facts = *at.facts;
  const bool loads = is_load(at.instruction);
  auto bytes = static_cast<std::int64_t>(access_bytes(at.instruction));
  std::int64_t offset = static_cast<std::int64_t>(frame_depth) + at.instruction.off + facts.pointer_offset +
                        static_cast<std::int64_t>(facts.pointer_variable);
  unsigned size = 0;
  bool own_pointer = true;  // to local memory, beside the one to the frame's first 64 bytes
  bool moves_pointer = false;
  if (facts.pointer_varies || facts.callers_stack) {
    size += operand_size(as_operand(at.instruction.off)) + 1;
    moves_pointer = true;
  } else if (offset + bytes <= 64) {
    own_pointer = false;
  } else if (offset / 32 == (offset + bytes - 1) / 32) {
    size += operand_size(as_operand(offset / 32 * 32)) + 1;
    offset %= 32;
  } else {
    size += operand_size(as_operand(offset / 4 * 4)) + 1;
    moves_pointer = true;
  }
  const bool extends = loads && bytes < 8 && facts.zero_extends;
  if (own_pointer) {
    size += 1 + (extends ? 2 : 3);  // the zero extension fills one of the three slots
  }
  size += extends ? 1 : 0;

  std::int64_t in_register = 0;
  bool first = true;
  bool new_register = true;
  while (bytes > 0) {
    if (moves_pointer) {
      offset %= 4;
    }
    const std::int64_t slice = std::min({bytes, 4 - in_register, 4 - (offset % 4 + 4) % 4});
    const bool last = slice == bytes;
    if (slice == 4) {
      size += 1;
    } else {
      const bool far = offset / 4 > 7;  // ld_field addresses 8 words
      size += 1;
      if (loads) {
        size += far && (first || !new_register) ? 1 : 0;
        size += moves_pointer && new_register && !last ? 1 : 0;
      } else {
        size += far && (first || last) ? 1 : 0;
        if (new_register || last) {
          size += far ? 1 : 0;
          size += moves_pointer && new_register && !last ? 1 : 0;
        }
      }
    }
    first = false;
    in_register += slice;
    new_register = in_register >= 4;
    in_register %= 4;
    bytes -= slice;
    offset += slice;
  }
  return size;
}

}  // namespace nicsentry::lint
