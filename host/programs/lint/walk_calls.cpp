// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>

#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

constexpr std::size_t kCallsMax = 8;
constexpr std::size_t kCallerSaved = 6;  // R0 to R5
constexpr std::uint64_t kEventBytesMax = 1U << 29U;

}  // namespace

void Walk::forget_caller_saved() {
  for (std::size_t i = 0; i < kCallerSaved; ++i) {
    reg(i).make_unset();
    use(i, Use::target_kept);
  }
}

void Walk::call_function(const Instruction& instruction) {
  if (state_.frames.size() >= kCallsMax) {
    refuse("the call stack of " + std::to_string(state_.frames.size() + 1) + " frames is too deep");
  }
  const auto target = static_cast<std::size_t>(at_ + instruction.imm + 1);
  std::size_t function = 0;
  while (facts_.function_starts[function] != target) {
    ++function;
  }
  if (global_[function]) {
    // Verified on its own: whatever it does, a number comes back.
    forget_caller_saved();
    reg(0).make_unknown();
    reg(0).defined_32 = 0;
    ++at_;
    return;
  }
  Frame callee;
  callee.call_site = at_;
  callee.number = static_cast<std::uint32_t>(state_.frames.size());
  callee.function = function;
  for (Value& value : callee.registers) {
    value.make_unset();
  }
  Value& top = callee.registers[kFramePointer];
  top.kind = Kind::stack;
  top.make_known(0);
  top.frame = callee.number;
  for (std::size_t i = 1; i < kCallerSaved; ++i) {
    callee.registers.at(i) = reg(i);  // with the marks that lead to the caller's states
  }
  forget_caller_saved();
  state_.frames.push_back(std::move(callee));
  at_ = static_cast<std::int64_t>(target);
}

void Walk::leave_function() {
  const Value result = reg(0);
  if (result.kind == Kind::stack) {
    refuse("cannot return stack pointer to the caller");
  }
  at_ = frame().call_site + 1;
  state_.frames.pop_back();
  reg(0) = result;
}

void Walk::check_context_argument(std::size_t number) {
  use(number, Use::source);
  const Value& value = reg(number);
  if (value.kind != Kind::context || value.offset != 0 || !value.number.bits.is(0)) {
    refuse("R" + std::to_string(number) + " expected=ctx");
  }
}

const MapDefinition& Walk::check_map_argument(std::size_t number, int helper) {
  use(number, Use::source);
  const Value& value = reg(number);
  if (value.kind != Kind::map) {
    refuse("R" + std::to_string(number) + " expected=map_ptr");
  }
  const MapDefinition& map = program_.maps[static_cast<std::size_t>(value.detail)];
  const bool events = map.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
  if (events != (helper == BPF_FUNC_perf_event_output)) {
    refuse("cannot pass map_type " + std::to_string(map.type) + " into func #" + std::to_string(helper));
  }
  return map;
}

void Walk::check_memory_argument(std::size_t number, std::int64_t bytes, bool may_be_empty) {
  const Value value = reg(number);
  switch (value.kind) {
    case Kind::stack:
      read_stack_range(number, value.offset, bytes, may_be_empty, true);
      break;
    case Kind::map_value:
      access_region(value, value.offset, bytes, program_.maps[static_cast<std::size_t>(value.detail)].value_bytes,
                    may_be_empty);
      break;
    case Kind::memory:
      access_region(value, value.offset, bytes, static_cast<std::uint64_t>(value.detail), may_be_empty);
      break;
    case Kind::packet:
    case Kind::packet_meta:
      access_packet(value, value.offset, bytes, may_be_empty);
      break;
    default:
      if (!(may_be_empty && bytes == 0 && value.null())) {
        refuse("R" + std::to_string(number) + " type=" + std::to_string(static_cast<int>(value.kind)) + " expected=fp");
      }
      break;
  }
}

void Walk::check_key_argument(std::size_t number, std::int64_t bytes) {
  use(number, Use::source);
  const Value& value = reg(number);
  const bool fits = value.kind == Kind::stack || value.packet_pointer() || value.kind == Kind::map_value;
  if (!fits || value.maybe_null) {
    refuse("R" + std::to_string(number) + " expected=fp, pkt, pkt_meta, map_key, map_value");
  }
  check_memory_argument(number, bytes, false);
}

void Walk::check_event_arguments() {
  check_context_argument(1);
  check_map_argument(2, BPF_FUNC_perf_event_output);
  use(3, Use::source);
  use(4, Use::source);
  const Value& data = reg(4);
  if (data.packet_pointer()) {
    refuse("helper access to the packet is not allowed");
  }
  if (data.kind != Kind::stack && data.kind != Kind::map_value && data.kind != Kind::memory) {
    refuse("R4 expected=fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf");
  }
  use(5, Use::source);
  const Value& size = reg(5);
  if (!size.scalar()) {
    refuse("R5 expected=scalar");
  }
  if (size.number.smin < 0) {
    refuse("R5 min value is negative, either use unsigned or 'var &= const'");
  }
  if (size.number.umin == 0) {
    check_memory_argument(4, 0, true);
  }
  if (size.number.umax >= kEventBytesMax) {
    refuse("R5 unbounded memory access, use 'var &= const' or 'if (var < const)'");
  }
  check_memory_argument(4, static_cast<std::int64_t>(size.number.umax), true);
  need_precise(5);
}

void Walk::call_helper(const Instruction& instruction) {
  bool moves_packet = false;
  std::optional<std::int64_t> looked_up;
  switch (instruction.imm) {
    case BPF_FUNC_map_lookup_elem:
    case BPF_FUNC_map_update_elem:
    case BPF_FUNC_map_delete_elem: {
      const MapDefinition& map = check_map_argument(1, instruction.imm);
      check_key_argument(2, map.key_bytes);
      if (instruction.imm == BPF_FUNC_map_update_elem) {
        check_key_argument(3, map.value_bytes);
        use(4, Use::source);
      }
      if (instruction.imm == BPF_FUNC_map_lookup_elem) {
        looked_up = reg(1).detail;
      }
      break;
    }
    case BPF_FUNC_perf_event_output:
      if (!program_.gpl) {
        refuse("cannot call GPL-restricted function from non-GPL compatible program");
      }
      check_event_arguments();
      break;
    case BPF_FUNC_xdp_adjust_head:
    case BPF_FUNC_xdp_adjust_tail:
      check_context_argument(1);
      use(2, Use::source);
      moves_packet = true;
      break;
    default:
      // Others are refused by the driver; what they take does not matter any more.
      break;
  }
  forget_caller_saved();
  Value& result = reg(0);
  result.defined_32 = 0;
  if (looked_up) {
    result.make_known(0);
    result.kind = Kind::map_value;
    result.maybe_null = true;
    result.detail = *looked_up;
    result.id = ++ids_;
  } else {
    result.make_unknown();
  }
  if (moves_packet) {
    forget_packet_pointers();
  }
}

void Walk::forget_packet_pointers() {
  state_.each_value([](Value& value) {
    if (value.packet_or_end()) {
      value.make_unknown();
    }
  });
}

}  // namespace nicsentry::lint
