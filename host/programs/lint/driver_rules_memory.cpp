// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstddef>

#include "host/programs/lint/driver_numbers.h"
#include "host/programs/lint/driver_rules.h"

namespace nicsentry::lint {

bool DriverRules::check_stack_pointer(std::size_t at, const State& state, const Value& pointer,
                                      InstructionFacts& facts) {
  if (pointer.frame != state.depth()) {
    facts.callers_stack = true;
  }
  if (!pointer.number.bits.constant()) {
    add(Rule::stack_offsets, at, "variable ptr stack access",
        "constant indices into arrays on the stack (#pragma unroll), or an array in a map");
    return false;
  }
  if (facts.pointer == Kind::nothing) {
    return true;
  }
  const auto before =
      static_cast<std::int32_t>(facts.pointer_offset + static_cast<std::int64_t>(facts.pointer_variable));
  const auto now = static_cast<std::int32_t>(pointer.offset + static_cast<std::int64_t>(pointer.number.bits.value));
  facts.pointer_varies = facts.pointer_varies || before != now;
  if (facts.pointer_varies && before % 4 != now % 4) {
    add(Rule::stack_offsets, at,
        "stack access changed location was:" + std::to_string(before) + " is:" + std::to_string(now),
        "a function of its own for each variable on the stack, or variables aligned to 4 bytes");
    return false;
  }
  return true;
}

void DriverRules::note_word(std::size_t at, std::size_t map, std::size_t byte, WordUse use) {
  const auto name = [](WordUse of) { return of == WordUse::read ? "read" : "atomic"; };
  WordUse& word = words_[map][byte / 4];
  if (word != WordUse::none && word != use) {
    add(Rule::word_use, at,
        std::string("map value use type conflict ") + name(word) + " vs " + name(use) + " off: " + std::to_string(byte),
        "words of their own: the program reads those that the host writes, and adds to others");
    return;
  }
  if (use == WordUse::added && updated_words_[map][byte / 4]) {
    add(Rule::word_use, at,
        "atomic counter in map value may already be initialized to non-zero value off: " + std::to_string(byte),
        "words that are added to start at zero");
    return;
  }
  word = use;
}

void DriverRules::check_map_value(std::size_t at, const Value& pointer) {
  const Instruction& instruction = program_.instructions[at];
  if (is_store(instruction)) {
    add(Rule::map_stores, at, "map writes not supported",
        "__sync_fetch_and_add, its result unused; or let the host write the word");
    return;
  }
  if (!pointer.number.bits.constant()) {
    add(Rule::map_offsets, at, "map value offset is variable",
        "constant offsets: unroll the loop, or make each element of the array an element of the map");
    return;
  }
  const auto map = static_cast<std::size_t>(pointer.detail);
  const auto offset = static_cast<std::uint32_t>(static_cast<std::int64_t>(pointer.number.bits.value) +
                                                 instruction.off + pointer.offset);
  const std::uint32_t bytes = access_bytes(instruction);
  if (std::uint64_t{offset} + bytes > program_.maps[map].value_bytes) {
    add(Rule::kernel, at, "map value access out-of-bounds", "an access within the value");
    return;
  }
  for (std::uint32_t i = 0; i < bytes; i += 4 - (offset + i) % 4) {
    note_word(at, map, offset + i, is_load(instruction) ? WordUse::read : WordUse::added);
  }
}

void DriverRules::check_pointer(std::size_t at, const State& state, const Value& pointer, InstructionFacts& facts) {
  const bool known = !pointer.maybe_null && (pointer.kind == Kind::context || pointer.kind == Kind::stack ||
                                             pointer.kind == Kind::map_value || pointer.kind == Kind::packet);
  if (!known) {
    add(Rule::pointers, at, "unsupported ptr type: " + kind_number(pointer),
        "pointers to the packet, the stack, map values and the context");
    return;
  }
  if (pointer.kind == Kind::stack && !check_stack_pointer(at, state, pointer, facts)) {
    return;
  }
  if (pointer.kind == Kind::map_value) {
    check_map_value(at, pointer);
  }
  if (facts.pointer != Kind::nothing && facts.pointer != pointer.kind) {
    add(Rule::pointers, at,
        "ptr type changed for instruction " + std::to_string(static_cast<int>(facts.pointer)) + " -> " +
            kind_number(pointer),
        "code of its own for each kind of memory: the compiler has merged two accesses (barrier_var() keeps them "
        "apart)");
    return;
  }
  facts.pointer = pointer.kind;
  facts.pointer_offset = pointer.offset;
  facts.pointer_variable = pointer.number.bits.value;
  facts.pointer_id = pointer.id;
}

void DriverRules::check_store(std::size_t at, const State& state, InstructionFacts& facts) {
  const Instruction& instruction = program_.instructions[at];
  const Value& pointer = state.frames.back().registers.at(instruction.dst_reg);
  if (pointer.kind == Kind::context) {
    if (instruction.off != offsetof(xdp_md, rx_queue_index)) {
      add(Rule::context_fields, at, "unsupported store to context field",
          "only rx_queue_index can be written, to choose the receive queue");
      return;
    }
    if (!firmware_.queue_select) {
      add(Rule::context_fields, at, "queue selection not supported by FW", "leave the receive queue to the card");
      return;
    }
  }
  check_pointer(at, state, pointer, facts);
}

void DriverRules::check_atomic(std::size_t at, const State& state, InstructionFacts& facts) {
  const Instruction& instruction = program_.instructions[at];
  const auto& registers = state.frames.back().registers;
  const Value& source = registers.at(instruction.src_reg);
  const Value& target = registers.at(instruction.dst_reg);
  if (instruction.imm != BPF_ADD) {
    const bool fetches = instruction.imm == (BPF_ADD | BPF_FETCH);
    add(Rule::atomics, at, "atomic op not implemented: " + std::to_string(instruction.imm),
        fetches ? "a plain addition: leave the result of __sync_fetch_and_add unused"
                : "additions only (__sync_fetch_and_add, its result unused); an addition of the constant 0 becomes an "
                  "atomic OR, leave it out");
    return;
  }
  if (target.kind != Kind::map_value || target.maybe_null) {
    add(Rule::atomics, at, "atomic add not to a map value pointer: " + kind_number(target),
        "a plain addition: nobody else changes the stack or the packet");
    return;
  }
  if (!source.scalar()) {
    add(Rule::atomics, at, "atomic add not of a scalar: " + kind_number(source), "the addition of a number");
    return;
  }
  const KnownBits addend = source.number.bits;
  facts.addend_over_16_bits = facts.addend_over_16_bits || addend.value > 0xffff || addend.unknown > 0xffff;
  facts.addend_maybe_16_bits = facts.addend_maybe_16_bits || (addend.value & ~addend.unknown) <= 0xffff;
  check_pointer(at, state, target, facts);
}

}  // namespace nicsentry::lint
