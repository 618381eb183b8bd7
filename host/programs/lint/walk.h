// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/programs/lint/driver_rules.h"
#include "host/programs/lint/facts.h"
#include "host/programs/lint/flow_points.h"
#include "host/programs/lint/kernel_refusal.h"
#include "host/programs/lint/program_image.h"
#include "host/programs/lint/state.h"

namespace nicsentry::lint {

// Walks the paths of a program and keeps what registers and the stack hold, as the kernel's verifier (6.1) does, in the
// same order and with the same comparison of states. The driver is asked at each instruction of each path that the
// verifier walks; a path more or less could change its answer.
class Walk {
 public:
  Walk(const ProgramImage& program, DriverRules& rules);

  // Throws KernelRefusal, or TooManyPaths.
  ProgramFacts run();

 private:
  struct Waiting {
    State state;
    std::int64_t at;
    std::int64_t before;
  };
  enum class Use { source, target, target_kept };  // target_kept: the caller sets what the register holds

  // walk.cpp
  void start(std::size_t function);
  void set_parameters(std::size_t function);
  void follow_paths();
  bool next_path();
  bool perform(const Instruction& instruction);  // false: the path ends
  void jump_or_call(const Instruction& instruction, bool& ends);
  void load_constant(const Instruction& instruction);
  void end_program(const Instruction& instruction);
  [[noreturn]] void refuse(const std::string& message) const;

  // walk_registers.cpp
  Frame& frame() { return state_.frame(); }
  Value& reg(std::size_t number) { return frame().registers.at(number); }
  Frame& frame_of(const Value& pointer) { return state_.frames.at(pointer.frame); }
  const Instruction& current() const { return program_.instructions[static_cast<std::size_t>(at_)]; }
  void use(std::size_t number, Use use);
  bool uses_64_bits(const Value& value, Use use) const;
  void extend_at_definition(Value& value);
  void mark_read(const Value& value, Value* parent, std::uint8_t flag);

  // walk_arithmetic.cpp
  void arithmetic(const Instruction& instruction);
  void move(const Instruction& instruction);
  void combine(const Instruction& instruction);
  void move_pointer(const Instruction& instruction, std::size_t target, const Value& pointer, const Value& distance);
  void check_sane(const Value& value) const;

  // walk_memory.cpp
  void load(const Instruction& instruction);
  void store(const Instruction& instruction);
  void store_constant(const Instruction& instruction);
  void atomic(const Instruction& instruction);
  void access(std::size_t pointer, std::int64_t offset, std::uint32_t bytes, bool writes, int value, bool aligned);
  void access_region(const Value& pointer, std::int64_t offset, std::int64_t bytes, std::uint64_t size,
                     bool may_be_empty) const;
  void access_packet(const Value& pointer, std::int64_t offset, std::int64_t bytes, bool may_be_empty);
  void access_context(const Value& pointer, std::int64_t offset, std::uint32_t bytes, bool writes, int value);

  // walk_stack.cpp
  void access_stack(std::size_t pointer, std::int64_t offset, std::uint32_t bytes, bool writes, int value);
  void check_stack_bounds(const Value& pointer, std::int64_t offset, std::int64_t bytes);
  void store_to_stack(Frame& target, std::int64_t offset, std::uint32_t bytes, int value);
  void store_somewhere(Frame& target, const Value& pointer, std::int64_t offset, std::uint32_t bytes, int value);
  void load_from_stack(Frame& source, std::int64_t offset, std::uint32_t bytes, int value);
  void load_spilled(Slot& slot, std::int64_t offset, std::uint32_t bytes, int value);
  void load_bytes(const Frame& source, std::int64_t first, std::int64_t end, int value);
  void read_stack_range(std::size_t pointer, std::int64_t offset, std::int64_t bytes, bool may_be_empty,
                        bool by_helper);

  // walk_calls.cpp
  void call_function(const Instruction& instruction);
  void call_helper(const Instruction& instruction);
  void check_context_argument(std::size_t number);
  const MapDefinition& check_map_argument(std::size_t number, int helper);
  void check_memory_argument(std::size_t number, std::int64_t bytes, bool may_be_empty);
  void check_key_argument(std::size_t number, std::int64_t bytes);
  void check_event_arguments();
  void forget_caller_saved();
  void forget_packet_pointers();
  void leave_function();

  // walk_branches.cpp
  void branch(const Instruction& instruction);
  Way known_way(const Instruction& instruction, const Value& target, const Value* source) const;
  Way packet_way(unsigned operation, const Value& target, const Value& source) const;
  State& push(std::int64_t to);
  void narrow_both(const Instruction& instruction, State& other);
  void spread(State& state, const Value& known) const;
  bool match_packet_end(const Instruction& instruction, State& other);
  void found_packet(State& state, const Value& pointer, bool open) const;
  void decide_null(State& state, std::size_t number, bool null) const;

  // walk_precision.cpp
  void need_precise(std::size_t number);
  void need_precise(std::size_t frame, int number, int slot);
  enum class Back { go_on, everything };
  Back step_back(std::int64_t at, std::uint32_t& registers, std::uint64_t& slots) const;
  void spread_precision(State& old);

  // walk_comparison.cpp
  bool visited();
  void remember_jump();
  void settle_liveness(std::list<std::unique_ptr<State>>& states);
  void keep_state(std::list<std::unique_ptr<State>>& states);
  bool covers(State& old);
  void spread_liveness(State& old);
  std::uint8_t spread_liveness(Value& value, Value& parent);
  std::list<std::unique_ptr<State>>& bucket();

  const ProgramImage& program_;
  DriverRules& rules_;
  ProgramFacts facts_;
  FlowPoints points_;
  std::vector<bool> global_;         // functions that are verified on their own
  std::vector<Kind> pointer_kinds_;  // of the first pointer of each instruction
  State state_;
  std::vector<Waiting> waiting_;
  std::vector<std::list<std::unique_ptr<State>>> kept_;
  std::list<std::unique_ptr<State>> dropped_;  // no longer compared with, but others came from them
  std::int64_t at_ = 0;
  std::int64_t before_ = -1;
  std::uint32_t ids_ = 0;
  std::uint64_t walked_ = 0;
  std::uint64_t jumps_ = 0;
  std::uint64_t walked_when_kept_ = 0;
  std::uint64_t jumps_when_kept_ = 0;
};

}  // namespace nicsentry::lint
