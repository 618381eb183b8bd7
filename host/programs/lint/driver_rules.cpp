// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/driver_rules.h"

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>

namespace nicsentry::lint {
namespace {

std::string hexadecimal(std::uint64_t number) {
  char text[20];
  std::snprintf(text, sizeof(text), "0x%" PRIx64, number);
  return text;
}

std::string kind_number(const Value& value) {
  return std::to_string(static_cast<int>(value.kind) + (value.maybe_null ? 256 : 0));
}

}  // namespace

DriverRules::DriverRules(const ProgramImage& program, const Firmware& firmware)
    : program_(program), firmware_(firmware) {
  for (const MapDefinition& map : program.maps) {
    const std::size_t words = (std::size_t{map.value_bytes} + 3) / 4;
    words_.emplace_back(words, WordUse::none);
    updated_words_.emplace_back(words, false);
  }
}

void DriverRules::add(Rule rule, std::size_t at, std::string driver_says, std::string way_out) {
  const bool known = std::any_of(findings_.begin(), findings_.end(), [&](const Finding& finding) {
    return finding.rule == rule && finding.instruction == at;
  });
  if (!known) {
    findings_.push_back({rule, at, std::move(driver_says), std::move(way_out)});
  }
}

std::optional<std::size_t> DriverRules::adjust_head_call() const { return adjust_head_; }

void DriverRules::visit(std::size_t at, const State& state, InstructionFacts& facts) {
  const Instruction& instruction = program_.instructions[at];
  const auto& registers = state.frames.back().registers;
  if (!translator_knows(instruction.code)) {
    const bool remainder = is_alu(instruction) && operation_of(instruction) == BPF_MOD;
    add(remainder ? Rule::divisions : Rule::instructions, at,
        "instruction " + hexadecimal(instruction.code) + " not supported",
        remainder ? "the remainder by a power of two with '&', else x - x / C * C with a constant C"
                  : "an operation that the card has: see the list of instructions in docs/own-programs.md");
    return;
  }
  if (instruction.src_reg >= kRegisters || instruction.dst_reg >= kRegisters) {
    add(Rule::instructions, at, "program uses extended registers - jit hardening?", "registers R0 to R10");
    return;
  }
  if (is_helper_call(instruction)) {
    check_helper(at, state, facts);
  } else if (is_load(instruction)) {
    check_pointer(at, state, registers.at(instruction.src_reg), facts);
  } else if (is_store(instruction)) {
    check_store(at, state, facts);
  } else if (is_atomic(instruction)) {
    check_atomic(at, state, facts);
  } else if (is_alu(instruction)) {
    check_arithmetic(at, state, facts);
  }
}

bool DriverRules::check_stack_argument(std::size_t at, const std::string& function, const Value& argument) {
  const Rule rule = function == "event_output" ? Rule::event_arguments : Rule::key_arguments;
  const std::string copy = "copy it into a variable on the stack that is aligned to 4 bytes, and pass its address";
  if (argument.kind != Kind::stack || argument.maybe_null) {
    add(rule, at, function + ": unsupported ptr type " + kind_number(argument), copy);
    return false;
  }
  if (!argument.number.bits.constant()) {
    add(rule, at, function + ": variable pointer", "a variable at a constant place on the stack");
    return false;
  }
  const std::int64_t offset = static_cast<std::int64_t>(argument.number.bits.value) + argument.offset;
  if (-offset % 4 != 0) {
    add(rule, at, function + ": unaligned stack pointer " + std::to_string(-offset), copy);
    return false;
  }
  return true;
}

void DriverRules::note_key(const Value& key, InstructionFacts& facts) {
  const std::int64_t offset = static_cast<std::int64_t>(key.number.bits.value) + key.offset;
  if (facts.called) {
    facts.key_varies = facts.key_varies || offset != facts.key_offset;
  }
}

// The driver looks at which bytes of the value on the stack are known to be zero.
void DriverRules::check_update(std::size_t at, const State& state) {
  const auto& registers = state.frames.back().registers;
  const Value& map = registers[1];
  const Value& value = registers[3];
  if (map.kind != Kind::map) {
    return;
  }
  const auto index = static_cast<std::size_t>(map.detail);
  const Frame& frame = state.frames.at(value.frame);
  const std::int64_t offset = value.offset + static_cast<std::int64_t>(value.number.bits.value);
  for (std::size_t i = 0; i < program_.maps[index].value_bytes; ++i) {
    const std::int64_t place = -(offset + static_cast<std::int64_t>(i)) - 1;
    const auto slot = static_cast<std::size_t>(place / static_cast<std::int64_t>(kSlotBytes));
    if (place < 0 || slot >= frame.stack.size() ||
        frame.stack[slot].bytes[static_cast<std::size_t>(place) % kSlotBytes] == Byte::zero) {
      continue;
    }
    if (words_[index][i / 4] == WordUse::added) {
      add(Rule::word_use, at,
          "value at offset " + std::to_string(i) + "/" + std::to_string(place) +
              " may be non-zero, bpf_map_update_elem() is required to initialize atomic counters to zero to avoid "
              "offload endian issues",
          "words that are added to start at zero");
      return;
    }
    updated_words_[index][i / 4] = true;
  }
}

void DriverRules::check_helper(std::size_t at, const State& state, InstructionFacts& facts) {
  const auto& registers = state.frames.back().registers;
  const std::int32_t helper = program_.instructions[at].imm;
  const auto map_call = [&](const char* name, bool offered, const char* way_out) {
    if (!offered) {
      add(Rule::helpers, at, std::string(name) + ": not supported by FW", way_out);
      return;
    }
    if (!check_stack_argument(at, name, registers[2])) {
      return;
    }
    note_key(registers[2], facts);
    if (helper == BPF_FUNC_map_update_elem && check_stack_argument(at, name, registers[3])) {
      check_update(at, state);
    }
  };
  switch (helper) {
    case BPF_FUNC_xdp_adjust_head:
      if (!firmware_.adjust_head || firmware_.adjust_head_off_max == 0) {
        add(Rule::helpers, at, "adjust_head not supported by FW", "leave the packet's start where it is");
      } else if ((firmware_.adjust_head_flags & 1U) == 0) {
        add(Rule::helpers, at, "adjust_head: FW requires shifting metadata, not supported by the driver",
            "leave the packet's start where it is");
      } else {
        note_adjust_head(at, registers[2], facts);
      }
      break;
    case BPF_FUNC_xdp_adjust_tail:
      if (!firmware_.adjust_tail) {
        add(Rule::helpers, at, "adjust_tail not supported by FW", "leave the packet's end where it is");
      }
      break;
    case BPF_FUNC_map_lookup_elem:
      map_call("map_lookup", firmware_.map_lookup, "another firmware: without lookups a program has no maps");
      break;
    case BPF_FUNC_map_update_elem:
      map_call("map_update", firmware_.map_update,
               "let the host insert elements (bpf_map_update_elem there); the program adds to their words with "
               "__sync_fetch_and_add, its result unused");
      break;
    case BPF_FUNC_map_delete_elem:
      map_call("map_delete", firmware_.map_delete,
               "let the host delete elements, or mark them by a word that it reads");
      break;
    case BPF_FUNC_get_prandom_u32:
      if (!firmware_.random) {
        add(Rule::helpers, at, "bpf_get_prandom_u32(): FW doesn't support random number generation",
            "a hash of the packet's bytes");
      }
      break;
    case BPF_FUNC_perf_event_output:
      check_event(at, state, facts);
      break;
    default: {
      const bool time = helper == BPF_FUNC_ktime_get_ns || helper == BPF_FUNC_ktime_get_boot_ns ||
                        helper == BPF_FUNC_ktime_get_coarse_ns || helper == BPF_FUNC_jiffies64;
      const bool redirects = helper == BPF_FUNC_redirect || helper == BPF_FUNC_redirect_map;
      const char* way_out = "do without: the card offers lookups, random numbers, events, and moving a packet's ends";
      if (time) way_out = "let the host take the time, when it reads a map or an event";
      if (redirects) way_out = "XDP_TX for the port the packet came from; other ports are out of reach";
      if (helper == BPF_FUNC_tail_call) way_out = "functions of the same object, called directly";
      if (helper == BPF_FUNC_trace_printk) way_out = "count in a map, or send an event (bpf_perf_event_output)";
      add(Rule::helpers, at, "unsupported function id: " + std::to_string(helper), way_out);
      break;
    }
  }
  facts.key_offset = static_cast<std::int64_t>(registers[2].number.bits.value) + registers[2].offset;
  facts.called = true;
}

void DriverRules::note_adjust_head(std::size_t at, const Value& distance, const InstructionFacts& facts) {
  const bool first = !adjust_head_seen_;
  const auto bytes = static_cast<std::int32_t>(distance.number.bits.value);
  constexpr int kShortestFrame = 60;
  constexpr int kEthernetHeader = 14;
  bool unchecked = distance.scalar() && distance.number.bits.constant() && bytes <= kShortestFrame - kEthernetHeader &&
                   bytes <= firmware_.adjust_head_add && bytes >= -firmware_.adjust_head_sub;
  if (unchecked && !first) {
    unchecked = adjust_head_ == at && facts.called && adjust_head_distance_ == bytes;
  }
  adjust_head_seen_ = true;
  adjust_head_ = unchecked ? std::optional(at) : std::nullopt;
  adjust_head_distance_ = bytes;
}

void DriverRules::check_event(std::size_t at, const State& state, InstructionFacts& facts) {
  const auto& registers = state.frames.back().registers;
  if (!firmware_.perf_event_output) {
    add(Rule::helpers, at, "event_output: not supported by FW", "count in a map that the host reads");
    return;
  }
  const KnownBits flags = registers[3].number.bits;
  const std::uint64_t index_mask = BPF_F_INDEX_MASK;
  if ((flags.unknown & index_mask) != 0 || (flags.value & index_mask) != BPF_F_CURRENT_CPU) {
    add(Rule::event_arguments, at,
        "event_output: must use BPF_F_CURRENT_CPU, var_off: (" + hexadecimal(flags.value) + "; " +
            hexadecimal(flags.unknown) + ")",
        "the flag BPF_F_CURRENT_CPU, with the number of packet bytes in the upper half");
    return;
  }
  const Value& data = registers[4];
  const bool known = !data.maybe_null && (data.kind == Kind::scalar || data.kind == Kind::stack ||
                                          data.kind == Kind::map_value || data.kind == Kind::packet);
  if (!known) {
    add(Rule::event_arguments, at, "event_output: unsupported ptr type: " + kind_number(data),
        "data from the stack, a map's value or the packet");
    return;
  }
  if (data.kind == Kind::stack && !check_stack_argument(at, "event_output", data)) {
    return;
  }
  if (facts.called && facts.event_data != data.kind) {
    add(Rule::event_arguments, at,
        "event_output: ptr type changed: " + std::to_string(static_cast<int>(facts.event_data)) + " " +
            kind_number(data),
        "a call of its own for each kind of data");
    return;
  }
  facts.event_data = data.kind;
}

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

void DriverRules::check_arithmetic(std::size_t at, const State& state, InstructionFacts& facts) {
  const Instruction& instruction = program_.instructions[at];
  const auto& registers = state.frames.back().registers;
  const Bounds& source = registers.at(instruction.src_reg).number;
  const Bounds& target = registers.at(instruction.dst_reg).number;
  facts.source_min = std::min(facts.source_min, source.umin);
  facts.source_max = std::max(facts.source_max, source.umax);
  facts.target_min = std::min(facts.target_min, target.umin);
  facts.target_max = std::max(facts.target_max, target.umax);
  if (operation_of(instruction) == BPF_DIV) {
    check_division(at, instruction, facts);
    return;
  }
  if (operation_of(instruction) != BPF_MUL) {
    return;
  }
  const std::string way_out =
      "operands of 32 bits that the kernel can see: (__u64)(__u32)a * (__u32)b; after ^, | and * with a variable "
      "it forgets the bounds, a move restores them (asm volatile(\"%0 = %0\" : \"+w\"(x))); for hashes xor and shifts";
  if (facts.target_max > UINT32_MAX) {
    add(Rule::multiplications, at, "multiplier is not within u32 value range", way_out);
  } else if (takes_register(instruction) && facts.source_max > UINT32_MAX) {
    add(Rule::multiplications, at, "multiplicand is not within u32 value range", way_out);
  } else if (class_of(instruction) == BPF_ALU64 && !takes_register(instruction) && instruction.imm < 0) {
    add(Rule::multiplications, at, "sign extended multiplicand won't be within u32 value range",
        "a 32-bit multiplication, or xor and shifts");
  }
}

void DriverRules::check_division(std::size_t at, const Instruction& instruction, const InstructionFacts& facts) {
  const std::string constant = "a constant divisor, or shifts; let the host divide";
  if (facts.target_max > UINT32_MAX) {
    add(Rule::divisions, at, "dividend is not within u32 value range", "a dividend of 32 bits: (__u32)x / C");
  } else if (takes_register(instruction) && facts.source_min != facts.source_max) {
    add(Rule::divisions, at, "divisor is not constant", constant);
  } else if (takes_register(instruction) && facts.source_max > UINT32_MAX) {
    add(Rule::divisions, at, "divisor is not within u32 value range", constant);
  } else if (takes_register(instruction) && facts.source_max == 0) {
    add(Rule::divisions, at, "the driver divides by zero while it translates", constant);
  } else if (!takes_register(instruction) && instruction.imm < 0) {
    add(Rule::divisions, at, "divide by negative constant is not supported", constant);
  }
}

}  // namespace nicsentry::lint
