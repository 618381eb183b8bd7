// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdint>

#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint64_t kPacketMax = 0xffff;
constexpr std::size_t kWaitingMax = 8192;  // the kernel's limit

}  // namespace

State& Walk::push(std::int64_t to) {
  if (waiting_.size() >= kWaitingMax) {
    refuse("The sequence of " + std::to_string(waiting_.size() + 1) + " jumps is too complex.");
  }
  waiting_.push_back({state_, to, at_});
  State& pushed = waiting_.back().state;
  if (pushed.parent != nullptr) {
    ++pushed.parent->branches;
  }
  return pushed;
}

Way Walk::packet_way(unsigned operation, const Value& target, const Value& source) const {
  const Value* pointer = nullptr;
  if (source.kind == Kind::packet_end) {
    pointer = &target;
  } else if (target.kind == Kind::packet_end) {
    pointer = &source;
    operation = mirrored(operation);
  } else {
    return Way::either;
  }
  if (pointer->detail >= 0) {
    return Way::either;
  }
  switch (operation) {
    case BPF_JLE:
    case BPF_JGT:
      if (pointer->detail == kBeyondEnd) {
        return operation == BPF_JGT ? Way::taken : Way::not_taken;
      }
      return Way::either;
    case BPF_JLT:
    case BPF_JGE:
      return operation == BPF_JGE ? Way::taken : Way::not_taken;
    default:
      return Way::either;
  }
}

Way Walk::known_way(const Instruction& instruction, const Value& target, const Value* source) const {
  const bool wide = class_of(instruction) == BPF_JMP;
  const unsigned operation = operation_of(instruction);
  std::uint64_t constant = 0;
  if (source == nullptr) {
    constant = static_cast<std::uint64_t>(std::int64_t{instruction.imm});
  } else if (source->scalar() && !wide && source->number.bits.low_half().constant()) {
    constant = source->number.bits.low_half().value;
  } else if (source->scalar() && wide && source->number.bits.constant()) {
    constant = source->number.bits.value;
  } else if (wide && target.packet_or_end() && source->packet_or_end()) {
    return packet_way(operation, target, *source);
  } else {
    return Way::either;
  }
  if (target.scalar()) {
    return way_of(operation, wide, target.number, constant);
  }
  if (target.kind != Kind::map_value || target.maybe_null || constant != 0) {
    return Way::either;
  }
  if (operation == BPF_JEQ) return Way::not_taken;
  return operation == BPF_JNE ? Way::taken : Way::either;
}

void Walk::branch(const Instruction& instruction) {
  use(instruction.dst_reg, Use::source);
  if (takes_register(instruction)) {
    use(instruction.src_reg, Use::source);
  }
  const Value& target = reg(instruction.dst_reg);
  const Value* source = takes_register(instruction) ? &reg(instruction.src_reg) : nullptr;
  const Way way = known_way(instruction, target, source);
  if (way != Way::either) {
    if (target.scalar()) {
      need_precise(instruction.dst_reg);
    }
    if (source != nullptr && source->scalar()) {
      need_precise(instruction.src_reg);
    }
    if (way == Way::taken) {
      at_ += instruction.off;
    }
    return;
  }
  narrow_both(instruction, push(at_ + instruction.off + 1));
}

// Copies what is learnt of a number to its copies.
void Walk::spread(State& state, const Value& known) const {
  const Value copy = known;
  state.each_value([&copy](Value& value) {
    if (value.scalar() && value.id == copy.id) {
      const std::size_t defined = value.defined_32;
      value.copy_from(copy);
      value.defined_32 = defined;
    }
  });
}

void Walk::narrow_both(const Instruction& instruction, State& other) {
  const bool wide = class_of(instruction) == BPF_JMP;
  const unsigned operation = operation_of(instruction);
  Value& target = reg(instruction.dst_reg);
  Value& other_target = other.frame().registers.at(instruction.dst_reg);
  if (takes_register(instruction)) {
    Value& source = reg(instruction.src_reg);
    Value& other_source = other.frame().registers.at(instruction.src_reg);
    if (target.scalar() && source.scalar()) {
      const KnownBits s = source.number.bits;
      const KnownBits t = target.number.bits;
      if (s.constant() || (!wide && s.low_half().constant())) {
        narrow(operation, wide, other_target.number, target.number, s.value,
               static_cast<std::uint32_t>(s.low_half().value));
      } else if (t.constant() || (!wide && t.low_half().constant())) {
        narrow(mirrored(operation), wide, other_source.number, source.number, t.value,
               static_cast<std::uint32_t>(t.low_half().value));
      } else if (wide && operation == BPF_JEQ) {
        merge_equal(other_source.number, other_target.number);
      } else if (wide && operation == BPF_JNE) {
        merge_equal(source.number, target.number);
      }
      if (source.id != 0) {
        spread(state_, source);
        spread(other, other_source);
      }
    }
  } else if (target.scalar()) {
    narrow(operation, wide, other_target.number, target.number,
           static_cast<std::uint64_t>(std::int64_t{instruction.imm}), static_cast<std::uint32_t>(instruction.imm));
  }
  if (target.scalar() && target.id != 0) {
    spread(state_, target);
    spread(other, other_target);
  }
  const bool tests_null = wide && !takes_register(instruction) && instruction.imm == 0 &&
                          (operation == BPF_JEQ || operation == BPF_JNE) && target.maybe_null;
  if (tests_null) {
    decide_null(state_, instruction.dst_reg, operation == BPF_JNE);
    decide_null(other, instruction.dst_reg, operation == BPF_JEQ);
  } else {
    match_packet_end(instruction, other);
  }
}

void Walk::decide_null(State& state, std::size_t number, bool null) const {
  const std::uint32_t id = state.frame().registers.at(number).id;
  state.each_value([id, null](Value& value) {
    if (!value.maybe_null || value.id != id) {
      return;
    }
    value.maybe_null = false;
    value.id = 0;
    if (null) {
      value.kind = Kind::scalar;
    }
  });
}

// `open`: the packet reaches at least one byte beyond the pointer.
void Walk::found_packet(State& state, const Value& pointer, bool open) const {
  if (pointer.offset < 0 || (pointer.offset == 0 && open) || pointer.number.umax > kPacketMax ||
      pointer.number.umax + static_cast<std::uint64_t>(pointer.offset) > kPacketMax) {
    return;
  }
  const std::int64_t bytes = pointer.offset + (open ? 1 : 0);
  const Kind kind = pointer.kind;
  const std::uint32_t id = pointer.id;
  state.each_value([bytes, kind, id](Value& value) {
    if (value.kind == kind && value.id == id) {
      value.detail = std::max(value.detail, bytes);
    }
  });
}

bool Walk::match_packet_end(const Instruction& instruction, State& other) {
  if (!takes_register(instruction) || class_of(instruction) != BPF_JMP) {
    return false;
  }
  const Value target = reg(instruction.dst_reg);
  const Value source = reg(instruction.src_reg);
  const auto untouched = [](const Value& v) {
    return v.kind == Kind::packet && v.id == 0 && v.offset == 0 && v.number.bits.is(0);
  };
  const bool forward = (target.kind == Kind::packet && source.kind == Kind::packet_end) ||
                       (target.kind == Kind::packet_meta && untouched(source));
  const bool backward = (target.kind == Kind::packet_end && source.kind == Kind::packet) ||
                        (untouched(target) && source.kind == Kind::packet_meta);
  if (!forward && !backward) {
    return false;
  }
  const std::size_t number = forward ? instruction.dst_reg : instruction.src_reg;
  const Value& pointer = forward ? target : source;
  const unsigned operation = forward ? operation_of(instruction) : mirrored(operation_of(instruction));
  // In terms of "pointer OPERATION end": where the pointer is at or before the end, the bytes before it are there.
  State* inside = nullptr;
  State* outside = nullptr;
  bool inside_open = false;
  switch (operation) {
    case BPF_JGT:
    case BPF_JGE:
      inside = &state_;
      outside = &other;
      inside_open = operation == BPF_JGE;
      break;
    case BPF_JLT:
    case BPF_JLE:
      inside = &other;
      outside = &state_;
      inside_open = operation == BPF_JLT;
      break;
    default:
      return false;
  }
  found_packet(*inside, pointer, inside_open);
  Value& beyond = outside->frame().registers.at(number);
  if (beyond.kind == Kind::packet) {
    beyond.detail = inside_open ? kAtEnd : kBeyondEnd;
  }
  return true;
}

}  // namespace nicsentry::lint
