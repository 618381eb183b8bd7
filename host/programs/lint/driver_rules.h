// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/programs/lint/facts.h"
#include "host/programs/lint/finding.h"
#include "host/programs/lint/firmware.h"
#include "host/programs/lint/program_image.h"
#include "host/programs/lint/state.h"

namespace nicsentry::lint {

// The driver's checks and notes at an instruction, each time that the kernel's verifier comes by
// (drivers/net/ethernet/netronome/nfp/bpf/verifier.c of Linux 6.1). The driver ends at the first offence; this goes on
// to find the others.
class DriverRules {
 public:
  DriverRules(const ProgramImage& program, const Firmware& firmware);

  // `state` is that before the instruction.
  void visit(std::size_t at, const State& state, InstructionFacts& facts);

  // The call of xdp_adjust_head that needs no check on the card, if it is the only one.
  std::optional<std::size_t> adjust_head_call() const;
  // An offence that the driver would have met first, among those of the instructions.
  const std::vector<Finding>& findings() const { return findings_; }

 private:
  enum class WordUse : std::uint8_t { none, read, added };

  void add(Rule rule, std::size_t at, std::string driver_says, std::string way_out);
  void check_helper(std::size_t at, const State& state, InstructionFacts& facts);
  void check_event(std::size_t at, const State& state, InstructionFacts& facts);
  void note_adjust_head(std::size_t at, const Value& distance, const InstructionFacts& facts);
  bool check_stack_argument(std::size_t at, const std::string& function, const Value& argument);
  void note_key(const Value& key, InstructionFacts& facts);
  void check_update(std::size_t at, const State& state);
  void check_pointer(std::size_t at, const State& state, const Value& pointer, InstructionFacts& facts);
  bool check_stack_pointer(std::size_t at, const State& state, const Value& pointer, InstructionFacts& facts);
  void check_map_value(std::size_t at, const Value& pointer);
  void note_word(std::size_t at, std::size_t map, std::size_t byte, WordUse use);
  void check_store(std::size_t at, const State& state, InstructionFacts& facts);
  void check_atomic(std::size_t at, const State& state, InstructionFacts& facts);
  void check_arithmetic(std::size_t at, const State& state, InstructionFacts& facts);
  void check_division(std::size_t at, const Instruction& instruction, const InstructionFacts& facts);

  const ProgramImage& program_;
  const Firmware& firmware_;
  std::vector<Finding> findings_;
  std::vector<std::vector<WordUse>> words_;       // of each map
  std::vector<std::vector<bool>> updated_words_;  // that a program may have set to other than zero
  bool adjust_head_seen_ = false;
  std::optional<std::size_t> adjust_head_;
  std::int32_t adjust_head_distance_ = 0;
};

// Whether the driver's translator has this instruction at all.
bool translator_knows(std::uint8_t code);

}  // namespace nicsentry::lint
