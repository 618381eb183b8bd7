// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>

#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint32_t bit(unsigned number) { return std::uint32_t{1} << number; }
constexpr std::uint64_t slot_bit(std::size_t slot) { return std::uint64_t{1} << slot; }

// The instruction before `at` on the way that led to the state; -1 where the state begins.
std::int64_t before(const State& state, std::int64_t at, std::size_t& jumps) {
  if (at == state.first && (jumps == 0 || (jumps == 1 && state.jumps[0].first == at))) {
    return -1;
  }
  if (jumps != 0 && state.jumps[jumps - 1].first == at) {
    return state.jumps[--jumps].second;
  }
  return at - 1;
}

// Where the way back cannot be followed: each number of the states before this one.
void all_precise_before(State& state) {
  for (State* each = state.parent; each != nullptr; each = each->parent) {
    for (Frame& frame : each->frames) {
      for (std::size_t i = 0; i < kFramePointer; ++i) {
        Value& value = frame.registers.at(i);
        value.precise = value.precise || value.scalar();
      }
      for (Slot& slot : frame.stack) {
        slot.spilled.precise = slot.spilled.precise || (slot.holds_register() && slot.spilled.scalar());
      }
    }
  }
}

// Marks the numbers among these registers; takes the others off. Returns whether one was not marked before.
bool mark_registers(Frame& frame, std::uint32_t& registers) {
  bool marked = false;
  for (unsigned i = 0; i < kRegisters; ++i) {
    if ((registers & bit(i)) == 0) {
      continue;
    }
    Value& value = frame.registers.at(i);
    if (!value.scalar()) {
      registers &= ~bit(i);
      continue;
    }
    marked = marked || !value.precise;
    value.precise = true;
  }
  return marked;
}

// The same for stack slots.
bool mark_slots(Frame& frame, std::uint64_t& slots) {
  bool marked = false;
  for (std::size_t i = 0; i < frame.stack.size(); ++i) {
    if ((slots & slot_bit(i)) == 0) {
      continue;
    }
    Slot& slot = frame.stack[i];
    if (!slot.holds_register() || !slot.spilled.scalar()) {
      slots &= ~slot_bit(i);
      continue;
    }
    marked = marked || !slot.spilled.precise;
    slot.spilled.precise = true;
  }
  return marked;
}

}  // namespace

void Walk::need_precise(std::size_t number) { need_precise(state_.depth(), static_cast<int>(number), -1); }

// Follows the way back and marks in the kept states whatever the number was computed of: states that differ there are
// not the same.
void Walk::need_precise(std::size_t frame, int number, int slot) {
  std::uint32_t registers = number >= 0 ? bit(static_cast<unsigned>(number)) : 0;
  std::uint64_t slots = 0;
  if (slot >= 0) {
    const Slot& spilled = state_.frames.at(frame).stack.at(static_cast<std::size_t>(slot));
    if (spilled.holds_register() && spilled.spilled.scalar()) {
      slots = slot_bit(static_cast<std::size_t>(slot));
    }
  }
  if (registers == 0 && slots == 0) {
    return;
  }
  State* state = &state_;
  std::int64_t last = at_;
  bool skip = true;  // the instruction itself
  for (;;) {
    if (last < 0) {
      // The entry of a global function: its parameters.
      for (unsigned i = 1; i < 6; ++i) {
        Value& value = state->frames[0].registers.at(i);
        if ((registers & bit(i)) != 0 && value.scalar()) {
          value.precise = true;
        }
      }
      return;
    }
    std::size_t jumps = state->jumps.size();
    for (std::int64_t at = last; at >= 0; at = before(*state, at, jumps)) {
      if (!skip && step_back(at, registers, slots) == Back::everything) {
        all_precise_before(*state);
        return;
      }
      skip = false;
      if (registers == 0 && slots == 0) {
        return;
      }
    }
    state = state->parent;
    if (state == nullptr) {
      return;
    }
    Frame& there = state->frames.at(frame);
    const bool registers_marked = mark_registers(there, registers);
    if (there.stack.size() < 64 && slots >> there.stack.size() != 0) {
      all_precise_before(*state);  // stored by way of another register than the frame pointer
      return;
    }
    const bool slots_marked = mark_slots(there, slots);
    const bool marked = registers_marked || slots_marked;
    if ((registers == 0 && slots == 0) || !marked) {
      return;
    }
    last = state->last;
  }
}

// Which registers and slots decided those given, before this instruction.
Walk::Back Walk::step_back(std::int64_t at, std::uint32_t& registers, std::uint64_t& slots) const {
  const Instruction& instruction = program_.instructions[static_cast<std::size_t>(at)];
  const std::uint32_t target = bit(instruction.dst_reg);
  const std::uint32_t source = bit(instruction.src_reg);
  const auto slot = static_cast<std::size_t>((-instruction.off - 1) / 8);
  const bool fetches = is_atomic(instruction) && (instruction.imm & BPF_FETCH) != 0;
  const unsigned operation = operation_of(instruction);
  if (instruction.code == 0) {
    return Back::go_on;  // the second half of a wide constant
  }
  if (is_alu(instruction)) {
    if ((registers & target) == 0 || operation == BPF_END || operation == BPF_NEG) {
      return Back::go_on;
    }
    if (operation == BPF_MOV) {
      registers &= ~target;
    }
    if (takes_register(instruction)) {
      registers |= source;
    }
  } else if (class_of(instruction) == BPF_LDX || fetches) {
    std::uint32_t loaded = target;
    unsigned base = instruction.src_reg;
    if (fetches) {
      loaded = instruction.imm == BPF_CMPXCHG ? bit(0) : source;
      base = instruction.dst_reg;
    }
    if ((registers & loaded) != 0) {
      registers &= ~loaded;
      if (base == kFramePointer) {
        slots |= slot_bit(slot);
      }
    }
  } else if (class_of(instruction) == BPF_STX || class_of(instruction) == BPF_ST) {
    if ((registers & target) != 0) {
      return Back::everything;
    }
    if (instruction.dst_reg == kFramePointer && (slots & slot_bit(slot)) != 0) {
      slots &= ~slot_bit(slot);
      if (class_of(instruction) == BPF_STX) {
        registers |= source;
      }
    }
  } else if (is_jump_class(instruction)) {
    if (is_call(instruction)) {
      if (is_function_call(instruction)) {
        return Back::everything;
      }
      registers &= ~bit(0);
    } else if (is_exit(instruction)) {
      return Back::everything;
    } else if (is_conditional_jump(instruction) && takes_register(instruction) &&
               (registers & (target | source)) != 0) {
      registers |= target | source;
    }
  } else {
    registers &= ~target;
  }
  return Back::go_on;
}

void Walk::spread_precision(State& old) {
  for (std::size_t frame = old.frames.size(); frame-- > 0;) {
    const Frame& there = old.frames[frame];
    const auto matters = [](const Value& value) {
      return value.scalar() && value.precise && (value.liveness & live::kRead) != 0;
    };
    for (std::size_t i = 0; i < kFramePointer; ++i) {
      if (matters(there.registers.at(i))) {
        need_precise(frame, static_cast<int>(i), -1);
      }
    }
    for (std::size_t i = 0; i < there.stack.size(); ++i) {
      if (there.stack[i].holds_register() && matters(there.stack[i].spilled)) {
        need_precise(frame, -1, static_cast<int>(i));
      }
    }
  }
}

}  // namespace nicsentry::lint
