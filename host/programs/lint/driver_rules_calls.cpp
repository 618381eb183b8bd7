// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/driver_numbers.h"
#include "host/programs/lint/driver_rules.h"

namespace nicsentry::lint {

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

}  // namespace nicsentry::lint
