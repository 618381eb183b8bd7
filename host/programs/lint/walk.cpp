// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/walk.h"

#include <algorithm>

#include "host/programs/lint/encoding.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint64_t kWalkMax = 1'000'000;  // instructions; the kernel's limit, too

}  // namespace

Walk::Walk(const ProgramImage& program, DriverRules& rules) : program_(program), rules_(rules) {
  facts_.instructions.resize(program.instructions.size());
  pointer_kinds_.resize(program.instructions.size(), Kind::nothing);
}

void Walk::refuse(const std::string& message) const { throw KernelRefusal{static_cast<std::size_t>(at_), message}; }

ProgramFacts Walk::run() {
  check_loads_and_constants(program_.instructions);
  facts_.function_starts = find_function_starts(program_.instructions);
  facts_.stack_depths.assign(facts_.function_starts.size(), 0);
  points_ = find_flow_points(program_.instructions, facts_.function_starts);
  global_.assign(facts_.function_starts.size(), false);
  for (std::size_t i = 1; i < facts_.function_starts.size(); ++i) {
    const Function& function = program_.functions[program_.function_of(facts_.function_starts[i])];
    global_[i] = function.global && function.first == facts_.function_starts[i];
  }
  for (std::size_t i = 1; i < global_.size(); ++i) {
    if (global_[i]) {
      start(i);
      follow_paths();
    }
  }
  start(0);
  follow_paths();
  facts_.adjust_head_call = rules_.adjust_head_call();
  return std::move(facts_);
}

void Walk::start(std::size_t function) {
  state_ = State{};
  waiting_.clear();
  kept_.clear();
  kept_.resize(program_.instructions.size());
  dropped_.clear();
  at_ = static_cast<std::int64_t>(facts_.function_starts[function]);
  before_ = -1;
  state_.first = at_;
  Frame main;
  main.function = function;
  for (Value& value : main.registers) {
    value.make_unset();
  }
  main.registers[kFramePointer].kind = Kind::stack;
  main.registers[kFramePointer].make_known(0);
  state_.frames.push_back(std::move(main));
  if (function == 0) {
    reg(1).kind = Kind::context;
    reg(1).make_known(0);
  } else {
    set_parameters(function);
  }
}

void Walk::set_parameters(std::size_t function) {
  const Function& described = program_.functions[program_.function_of(facts_.function_starts[function])];
  std::size_t number = 1;
  for (const Parameter& parameter : described.parameters) {
    Value& value = reg(number++);
    switch (parameter.kind) {
      case Parameter::Kind::context:
        value.kind = Kind::context;
        value.make_known(0);
        break;
      case Parameter::Kind::scalar:
        value.make_unknown();
        break;
      case Parameter::Kind::memory:
        value.kind = Kind::memory;
        value.make_known(0);
        value.maybe_null = true;
        value.detail = parameter.bytes;
        value.id = ++ids_;
        break;
      case Parameter::Kind::other:
        refuse("a parameter of the global function " + described.name +
               "() is neither a number, the context nor memory");
    }
  }
}

void Walk::follow_paths() {
  for (;;) {
    if (at_ < 0 || at_ >= static_cast<std::int64_t>(program_.instructions.size())) {
      refuse("invalid insn idx " + std::to_string(at_));
    }
    if (++walked_ > kWalkMax) {
      throw TooManyPaths{};
    }
    bool ends = visited();
    if (!ends) {
      const auto index = static_cast<std::size_t>(at_);
      InstructionFacts& facts = facts_.instructions[index];
      rules_.visit(index, state_, facts);
      facts.seen = true;
      const Instruction instruction = current();
      // The next instruction finds the place of this one as the one before it.
      const std::int64_t here = at_;
      ends = !perform(instruction);
      before_ = here;
    }
    if (ends && !next_path()) {
      return;
    }
  }
}

bool Walk::next_path() {
  for (State* state = &state_; state != nullptr; state = state->parent) {
    if (--state->branches != 0) {
      break;
    }
  }
  if (waiting_.empty()) {
    return false;
  }
  state_ = std::move(waiting_.back().state);
  at_ = waiting_.back().at;
  before_ = waiting_.back().before;
  waiting_.pop_back();
  return true;
}

bool Walk::perform(const Instruction& instruction) {
  if (const char* wrong = wrong_fields(instruction); wrong != nullptr) {
    refuse(wrong);
  }
  bool ends = false;
  switch (class_of(instruction)) {
    case BPF_ALU:
    case BPF_ALU64:
      arithmetic(instruction);
      ++at_;
      break;
    case BPF_LDX:
      load(instruction);
      ++at_;
      break;
    case BPF_STX:
      if (is_atomic(instruction)) {
        atomic(instruction);
      } else {
        store(instruction);
      }
      ++at_;
      break;
    case BPF_ST:
      store_constant(instruction);
      ++at_;
      break;
    case BPF_LD:
      load_constant(instruction);
      break;
    default:
      jump_or_call(instruction, ends);
      break;
  }
  return !ends;
}

void Walk::jump_or_call(const Instruction& instruction, bool& ends) {
  ++jumps_;
  if (is_call(instruction)) {
    if (instruction.src_reg == BPF_PSEUDO_CALL) {
      call_function(instruction);
    } else if (instruction.src_reg == 0) {
      call_helper(instruction);
      ++at_;
    } else {
      refuse("calling kernel function is not allowed");
    }
  } else if (is_plain_jump(instruction)) {
    at_ += instruction.off + 1;
  } else if (is_exit(instruction)) {
    if (state_.depth() != 0) {
      leave_function();
    } else {
      end_program(instruction);
      ends = true;
    }
  } else if (is_conditional_jump(instruction)) {
    branch(instruction);
    ++at_;
  } else {
    refuse("invalid BPF_JMP/JMP32 opcode " + std::to_string(operation_of(instruction)));
  }
}

void Walk::end_program(const Instruction&) {
  use(0, Use::source);
  if (frame().function != 0 && !reg(0).scalar()) {
    refuse("At subprogram exit the register R0 is not a scalar value");
  }
}

void Walk::load_constant(const Instruction& instruction) {
  if (!is_wide_constant(instruction)) {
    refuse("BPF_LD_[ABS|IND] instructions not allowed for this program type");
  }
  use(instruction.dst_reg, Use::target);
  Value& value = reg(instruction.dst_reg);
  const auto index = static_cast<std::size_t>(at_);
  facts_.instructions[index + 1].seen = true;
  switch (instruction.src_reg) {
    case 0: {
      const auto high = static_cast<std::uint32_t>(program_.instructions[index + 1].imm);
      value.kind = Kind::scalar;
      value.make_known(std::uint64_t{high} << 32U | static_cast<std::uint32_t>(instruction.imm));
      break;
    }
    case BPF_PSEUDO_MAP_FD:
      value.make_known(0);
      value.kind = Kind::map;
      value.detail = instruction.imm;
      break;
    case BPF_PSEUDO_MAP_VALUE:
      value.make_known(0);
      value.kind = Kind::map_value;
      value.detail = instruction.imm;
      value.offset = program_.instructions[index + 1].imm;
      break;
    default:
      value.make_known(0);
      value.kind = Kind::function;
      break;
  }
  at_ += 2;
}

}  // namespace nicsentry::lint
