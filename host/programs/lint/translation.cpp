// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/translation.h"

#include <algorithm>
#include <cstddef>

#include "host/programs/lint/code_size.h"
#include "host/programs/lint/dead_code.h"
#include "host/programs/lint/memory_size.h"
#include "host/programs/lint/stack_use.h"
#include "host/programs/lint/translated.h"

namespace nicsentry::lint {
namespace {

constexpr unsigned kIntro = 2;            // the packet's length
constexpr unsigned kOutro = 13;           // the verdict, and the way out of an abort
constexpr unsigned kSaveAndRestore = 18;  // R6 to R9, for functions that use them
constexpr unsigned kPrefetchWindow = 8;   // empty instructions at the end
constexpr std::uint32_t kFrameAlignment = 64;

constexpr int kNotSupported = -95;
constexpr int kBadAddress = -14;

std::uint32_t rounded_up(std::uint32_t value, std::uint32_t to) { return (value + to - 1) / to * to; }

std::uint32_t low_half(std::int32_t constant) { return static_cast<std::uint32_t>(constant); }
// Constants are extended by their sign.
std::uint32_t high_half(std::int32_t constant) { return constant < 0 ? 0xffffffffU : 0; }

class Translator {
 public:
  Translator(const ProgramImage& program, const ProgramFacts& facts) : program_(program), facts_(facts) {
    lay_out_functions();
    const std::vector<bool> removed = removed_instructions(program, facts);
    at_.resize(program.instructions.size());
    for (std::size_t i = 0; i < at_.size(); ++i) {
      at_[i].instruction = program.instructions[i];
      at_[i].facts = &facts.instructions[i];
      at_[i].removed = removed[i];
    }
    for (const std::size_t start : facts.function_starts) {
      at_[start].function_start = start != 0;
    }
    mark_jump_targets();
    absorb_context_copy();
    turn_negative_constants();
    gather_copies(at_);
    gather_packet_loads(at_);
  }

  Translation run() {
    result_.size = kIntro;
    result_.sizes.resize(at_.size());
    for (std::size_t i = 0; i < at_.size() && !result_.fails; ++i) {
      translate_one(i);
      result_.size += result_.sizes[i];
    }
    result_.size += kOutro + kPrefetchWindow;
    if (std::any_of(functions_.begin() + 1, functions_.end(), [](const Frame& f) { return f.saves; })) {
      result_.size += kSaveAndRestore;
    }
    check_jump_targets();
    return result_;
  }

 private:
  struct Frame {
    std::uint32_t depth = 0;
    bool saves = false;
  };

  void lay_out_functions() {
    for (std::size_t i = 0; i < facts_.function_starts.size(); ++i) {
      Frame frame;
      frame.saves = keeps_registers(program_, facts_, i);
      frame.depth = facts_.stack_depths[i];
      if (i != 0) {
        frame.depth += 4 + (frame.saves ? 32U : 0U);  // the way back, and R6 to R9
      }
      functions_.push_back({rounded_up(frame.depth, 4), frame.saves});
    }
  }

  std::size_t target_of(std::size_t i) const {
    const Instruction& instruction = program_.instructions[i];
    const std::int64_t distance = is_call(instruction) ? instruction.imm : instruction.off;
    return static_cast<std::size_t>(static_cast<std::int64_t>(i) + 1 + distance);
  }

  bool jumps(const Instruction& instruction) const {
    return is_jump_class(instruction) && !is_exit(instruction) && !is_helper_call(instruction);
  }

  void mark_jump_targets() {
    for (std::size_t i = 0; i < at_.size(); ++i) {
      if (jumps(program_.instructions[i]) && target_of(i) < at_.size()) {
        at_[target_of(i)].jump_target = true;
      }
    }
  }

  // "R6 = R1" at the start: R6 then holds the context, which is not a value on the card.
  void absorb_context_copy() {
    for (Translated& at : at_) {
      const Instruction& i = at.instruction;
      if (i.code == (BPF_ALU64 | BPF_XOR | BPF_X) && i.src_reg == i.dst_reg) {
        continue;
      }
      if (i.code == (BPF_ALU64 | BPF_MOV | BPF_X) && i.src_reg == BPF_REG_1 && i.dst_reg == BPF_REG_6) {
        at.absorbed = true;
      }
      if (!at.skipped()) {
        return;
      }
    }
  }

  // Adds a positive constant in place of subtracting a negative one, and so on: it fits an operand more often.
  void turn_negative_constants() {
    for (Translated& at : at_) {
      Instruction& i = at.instruction;
      if (at.skipped() || takes_register(i) || i.imm >= 0 || (!is_alu(i) && !is_jump_class(i))) {
        continue;
      }
      const unsigned operation = operation_of(i);
      if (is_alu(i)) {
        if (operation != BPF_ADD && operation != BPF_SUB) {
          continue;
        }
        i.code = static_cast<__u8>(class_of(i) | (operation == BPF_ADD ? BPF_SUB : BPF_ADD));
      } else if (operation != BPF_JGE && operation != BPF_JSGE && operation != BPF_JLT && operation != BPF_JSLT) {
        continue;
      }
      i.imm = static_cast<std::int32_t>(0U - static_cast<std::uint32_t>(i.imm));
    }
  }

  void fail(std::size_t i, int error) {
    result_.fails = i;
    result_.message =
        "Translation failed with error " + std::to_string(error) + " (translated: " + std::to_string(i) + ")";
  }

  void translate_one(std::size_t i) {
    const Translated& at = at_[i];
    unsigned& size = result_.sizes[i];
    if (at.function_start) {
      ++function_;
      size += 1;  // keeps the way back
    }
    if (at.skipped()) {
      return;
    }
    if (i > 0 && is_wide_constant(at_[i - 1].instruction) && !at_[i - 1].skipped()) {
      size += wide_constant_size(at_[i - 1].instruction, at.instruction);
      return;
    }
    const Instruction& instruction = at.instruction;
    switch (class_of(instruction)) {
      case BPF_ALU:
      case BPF_ALU64:
        size += arithmetic_size(i);
        break;
      case BPF_LDX:
        size += load_size(i);
        break;
      case BPF_ST:
        fail(i, kNotSupported);  // the driver's hooks do not see this kind, and its translator lacks what they note
        break;
      case BPF_STX:
        size += is_atomic(instruction) ? atomic_add_size(at) : store_size(i);
        break;
      case BPF_JMP:
      case BPF_JMP32:
        size += is_call(instruction)   ? call_size(i)
                : is_exit(instruction) ? (function_ == 0 ? 1 : 2)
                                       : jump_size(instruction);
        break;
      default:
        break;  // the first half of a wide constant
    }
  }

  unsigned wide_constant_size(const Instruction& low, const Instruction& high) const {
    if (low.src_reg == BPF_PSEUDO_MAP_FD) {
      return 2;  // the map's number on the card, and 0
    }
    const unsigned second = high.imm == low.imm ? 1 : immediate_size(low_half(high.imm));
    return immediate_size(low_half(low.imm)) + second;
  }

  unsigned arithmetic_size(std::size_t i) {
    const Translated& at = at_[i];
    const Instruction& instruction = at.instruction;
    const InstructionFacts& facts = *at.facts;
    const bool wide = class_of(instruction) == BPF_ALU64;
    const unsigned extension = !wide && facts.zero_extends ? 1 : 0;
    const std::uint32_t low = low_half(instruction.imm);
    switch (operation_of(instruction)) {
      case BPF_MOV:
        return move_size(instruction, wide);
      case BPF_ADD:
      case BPF_SUB:
        return plain_size(instruction, wide, AluOperation::add) + extension;
      case BPF_AND:
        return plain_size(instruction, wide, AluOperation::bit_and) + extension;
      case BPF_OR:
        return plain_size(instruction, wide, AluOperation::bit_or) + extension;
      case BPF_XOR:
        return plain_size(instruction, wide, AluOperation::bit_xor) + extension;
      case BPF_NEG:
        return wide ? 2 : 1 + extension;
      case BPF_MUL:
        if (takes_register(instruction)) {
          return multiplication_size(static_cast<std::uint32_t>(facts.target_max),
                                     static_cast<std::uint32_t>(facts.source_max));
        }
        return operand_size(low) + multiplication_size(static_cast<std::uint32_t>(facts.target_max), low);
      case BPF_DIV:
        return division_size(takes_register(instruction) ? facts.source_min : low);
      case BPF_END:
        return instruction.imm == 64 ? 5 : 3;
      default:
        return shift_size(i) + extension;
    }
  }

  unsigned move_size(const Instruction& instruction, bool wide) const {
    if (!takes_register(instruction)) {
      return immediate_size(low_half(instruction.imm)) + 1;
    }
    if (wide && instruction.src_reg == BPF_REG_10) {
      return operand_size(functions_[function_].depth) + 2;
    }
    return 2;
  }

  unsigned plain_size(const Instruction& instruction, bool wide, AluOperation operation) const {
    if (takes_register(instruction)) {
      return wide ? 2 : 1;
    }
    const unsigned low = alu_constant_size(operation, low_half(instruction.imm));
    return wide ? low + alu_constant_size(operation, high_half(instruction.imm)) : low;
  }

  unsigned shift_size(std::size_t i) {
    const Instruction& instruction = at_[i].instruction;
    const InstructionFacts& facts = *at_[i].facts;
    const bool wide = class_of(instruction) == BPF_ALU64;
    Shift shift = Shift::arithmetic_right;
    if (operation_of(instruction) == BPF_LSH) shift = Shift::left;
    if (operation_of(instruction) == BPF_RSH) shift = Shift::right;
    const bool variable = takes_register(instruction);
    const std::uint64_t least = variable ? facts.source_min : low_half(instruction.imm);
    const std::uint64_t most = variable ? facts.source_max : low_half(instruction.imm);
    if (least == most && static_cast<std::uint8_t>(least) >= (wide ? 64 : 32)) {
      fail(i, kBadAddress);
      return 0;
    }
    return wide ? shift64_size(shift, least, most) : shift32_size(shift, least, most);
  }

  unsigned load_size(std::size_t i) {
    const Translated& at = at_[i];
    if (at.copied_bytes != 0) {
      return copy_size(at);
    }
    switch (at.facts->pointer) {
      case Kind::context:
        if ((at.instruction.off == offsetof(xdp_md, data) || at.instruction.off == offsetof(xdp_md, data_end)) &&
            access_bytes(at.instruction) == 4) {
          return 2;
        }
        break;
      case Kind::packet:
        return packet_load_size(at);
      case Kind::stack:
        return stack_access_size(at, functions_[function_].depth);
      case Kind::map_value:
        return map_value_load_size(at);
      default:
        break;
    }
    fail(i, kNotSupported);
    return 0;
  }

  unsigned store_size(std::size_t i) {
    const Translated& at = at_[i];
    switch (at.facts->pointer) {
      case Kind::packet:
        return packet_store_size(at);
      case Kind::stack:
        return stack_access_size(at, functions_[function_].depth);
      case Kind::context:
        if (access_bytes(at.instruction) == 4) {
          return 5;  // the receive queue
        }
        break;
      default:
        break;
    }
    fail(i, kNotSupported);
    return 0;
  }

  unsigned jump_size(const Instruction& instruction) const {
    if (is_plain_jump(instruction)) {
      return 1;
    }
    const bool wide = class_of(instruction) == BPF_JMP;
    const unsigned operation = operation_of(instruction);
    if (takes_register(instruction)) {
      if (operation == BPF_JEQ) return wide ? 4 : 2;
      if (operation == BPF_JNE || operation == BPF_JSET) return wide ? 4 : 2;
      return wide ? 3 : 2;
    }
    const std::uint32_t low = low_half(instruction.imm);
    const std::uint32_t high = high_half(instruction.imm);
    switch (operation) {
      case BPF_JEQ:
        if (!wide) return operand_size(low) + 2;
        return (low != 0 ? operand_size(low) + 1 : 0) + (high != 0 ? operand_size(high) + 1 : 0) + 2;
      case BPF_JNE:
        if (low == 0) return 2;
        return operand_size(low) + 2 + (wide ? operand_size(high) + 2 : 0);
      case BPF_JSET:
        return operand_size(low) + 1 + (wide && high != 0 ? 1 : 0) + 1;
      default:
        return operand_size(low) + 1 + (wide ? operand_size(high) + 1 : 0) + 1;
    }
  }

  unsigned call_size(std::size_t i) {
    const Instruction& instruction = at_[i].instruction;
    if (is_function_call(instruction)) {
      return function_call_size(i);
    }
    switch (instruction.imm) {
      case BPF_FUNC_xdp_adjust_head:
        return facts_.adjust_head_call ? 5 : 16;
      case BPF_FUNC_xdp_adjust_tail:
        return 11;
      case BPF_FUNC_map_lookup_elem:
      case BPF_FUNC_map_delete_elem:
        return map_call_size(*at_[i].facts);
      case BPF_FUNC_map_update_elem:
        return map_call_size(*at_[i].facts) + 1;
      default:
        return 3;  // a random number, an event
    }
  }

  unsigned map_call_size(const InstructionFacts& facts) const {
    const std::int64_t key = static_cast<std::int64_t>(functions_[function_].depth) + facts.key_offset;
    return facts.key_varies || key != 0 ? 8 : 3;  // a key at the frame's start needs no pointer of its own
  }

  unsigned function_call_size(std::size_t i) const {
    const std::size_t target = target_of(i);
    const auto callee = std::find(facts_.function_starts.begin(), facts_.function_starts.end(), target);
    const auto index = static_cast<std::size_t>(callee - facts_.function_starts.begin());
    const std::uint32_t depth = rounded_up(functions_[function_].depth, kFrameAlignment);
    unsigned size = functions_.at(index).saves ? 3 : 2;
    if (depth != 0) {
      size += 2 * (operand_size(depth) + 2) + 3;
    }
    return size;
  }

  void check_jump_targets() {
    for (std::size_t i = 0; i < at_.size() && !result_.fails; ++i) {
      if (!at_[i].skipped() && jumps(program_.instructions[i]) && at_[target_of(i)].absorbed) {
        result_.fails = i;
        result_.message = "Branch landing on removed instruction!!";
      }
    }
  }

  const ProgramImage& program_;
  const ProgramFacts& facts_;
  std::vector<Translated> at_;
  std::vector<Frame> functions_;
  std::size_t function_ = 0;
  Translation result_;
};

}  // namespace

Translation translate(const ProgramImage& program, const ProgramFacts& facts) {
  return Translator(program, facts).run();
}

}  // namespace nicsentry::lint
