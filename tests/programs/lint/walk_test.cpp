// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/walk.h"

#include <catch2/catch.hpp>

#include "host/programs/lint/stack_use.h"
#include "tests/programs/lint/assembly.h"

namespace nicsentry::lint {
namespace {

using namespace assembly;

TEST_CASE("what the kernel refuses on any device is refused in its words") {
  const std::vector<std::pair<Code, std::string>> rows{
      {{move_reg(0, 2), leave()}, "kernel: R2 !read_ok"},
      {{leave()}, "kernel: R0 !read_ok"},
      {{move(0, 1), jump_always(-1), leave()}, "kernel: unreachable insn 2"},
      {{move(0, 1), jump(BPF_JEQ, 0, 1, 7), leave()}, "kernel: jump out of range from insn 1 to 9"},
      {{move(0, 1)}, "kernel: last insn is not an exit or jmp"},
      {Code{load(BPF_W, 2, 1, 0), load(BPF_B, 0, 2, 0), leave()}, "kernel: invalid access to packet, off=0 size=1"},
      {Code{move(0, 0), load(BPF_W, 0, 10, -520), leave()}, "kernel: invalid access to the stack off=-520 size=4"},
      {Code{move(2, 0), store(BPF_W, 10, -6, 2)} + pass(), "kernel: misaligned access off -6 size 4"},
      {Code{move(2, 4), alu(BPF_LSH, 2, 64)} + pass(), "kernel: invalid shift 64"},
      {Code{move(2, 4), alu(BPF_DIV, 2, 0)} + pass(), "kernel: div by zero"},
      {Code{move(10, 4)} + pass(), "kernel: frame pointer is read only"},
      {lookup() + Code{load(BPF_DW, 1, 0, 16)} + pass(),
       "map value access out-of-bounds"},  // the driver's hook is asked first
  };
  for (const auto& [code, said] : rows) {
    CHECK(said_of(program(code)) == said);
  }
}

TEST_CASE("a value of a lookup may be used after it is compared with NULL only") {
  const Code unchecked = Code{move(1, 0), store(BPF_W, 10, -4, 1), move_reg(2, 10), alu(BPF_ADD, 2, -4)} +
                         map_pointer(1, 0) + Code{call(BPF_FUNC_map_lookup_elem), load(BPF_W, 1, 0, 0)} + pass();
  CHECK(said_of(program(unchecked)) == "unsupported ptr type: 260");
  CHECK(said_of(program(lookup() + Code{load(BPF_W, 1, 0, 0)} + pass())) == "");
}

TEST_CASE("a spilled pointer comes back as it was") {
  const Code code = packet() + Code{store(BPF_DW, 10, -8, 7), load(BPF_DW, 3, 10, -8), load(BPF_B, 2, 3, 63)} + pass();
  CHECK(said_of(program(code)) == "");
}

TEST_CASE("a loop with a bound is walked to its end, one without is refused") {
  CHECK(said_of(program(Code{move(2, 0), alu(BPF_ADD, 2, 1), jump(BPF_JLT, 2, 50, -2)} + pass())) == "");
  CHECK(said_of(program({move(0, 0), jump_always(-1)})) == "kernel: infinite loop detected at insn 1");
}

TEST_CASE("paths that multiply end in the limit of the walk, not in an endless one", "[slow]") {
  // Each test adds a bit of the packet's to a number that then decides a division.
  Code code = packet() + Code{move(8, 0)};
  for (int i = 0; i < 40; ++i) {
    code = code + Code{load(BPF_B, 1, 7, i), jump(BPF_JEQ, 1, 7, 1), alu(BPF_ADD, 8, 1 << (i % 20))};
  }
  code =
      code +
      Code{jump(BPF_JGT, 8, 3, 0), move_reg(3, 7), alu(BPF_AND, 8, 15), alu_reg(BPF_ADD, 3, 8), load(BPF_B, 4, 3, 0)} +
      pass();
  const ProgramImage image = program(code);
  const Firmware firmware = find_firmware("agilio-bpf");
  DriverRules rules(image, firmware);
  bool ended = false;
  try {
    Walk(image, rules).run();
    ended = true;
  } catch (const TooManyPaths&) {
    ended = true;
  } catch (const KernelRefusal&) {
    ended = true;
  }
  CHECK(ended);
}

TEST_CASE("a packet reaches as far as it was compared with its end, not further") {
  CHECK(said_of(program(packet() + Code{load(BPF_B, 1, 7, 63)} + pass())) == "");
  CHECK(said_of(program(packet() + Code{load(BPF_B, 1, 7, 64)} + pass())) ==
        "kernel: invalid access to packet, off=64 size=1");
}

// The jump to the next instruction is there because states are kept no more often than each second jump.
Code two_paths(std::int32_t one, std::int32_t other) {
  return packet() + Code{move(2, 0),
                         store(BPF_DW, 10, -8, 2),
                         store(BPF_DW, 10, -16, 2),
                         load(BPF_B, 1, 7, 0),
                         jump_always(0),
                         move(8, one),
                         jump(BPF_JEQ, 1, 7, 1),
                         move(8, other),
                         move(4, 0)};
}

TEST_CASE("paths that differ in a number that decides an offset are both walked") {
  const Code code = two_paths(-8, -16) + Code{move_reg(3, 10), alu_reg(BPF_ADD, 3, 8), load(BPF_DW, 5, 3, 0)} + pass();
  CHECK(facts_of(program(code)).instructions[19].pointer_varies);
}

TEST_CASE("paths that differ in a number that decides nothing are walked once") {
  const Code code = two_paths(3, 300) + Code{alu_reg(BPF_MUL, 4, 8)} + pass();
  // The path that is walked first has 300. The other one ends where they meet.
  CHECK(facts_of(program(code)).instructions[17].source_min == 300);
}

TEST_CASE("fields that an instruction does not use are zero, and registers are R0 to R10") {
  const std::vector<std::pair<Instruction, std::string>> rows{
      {make(BPF_ALU64 | BPF_MOV | BPF_K, 2, 1, 0, 5), "kernel: BPF_ALU uses reserved fields"},
      {make(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 4, 5), "kernel: BPF_ALU uses reserved fields"},
      {make(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 5), "kernel: BPF_LDX uses reserved fields"},
      {make(BPF_JMP | BPF_JEQ | BPF_K, 1, 3, 0, 5), "kernel: BPF_JMP/JMP32 uses reserved fields"},
      {make(BPF_ALU64 | BPF_MOV | BPF_X, 2, 12, 0, 0), "program uses extended registers - jit hardening?"},
      {make(BPF_LD | BPF_IMM | BPF_DW, 2, 0, 0, 0), "kernel: invalid bpf_ld_imm64 insn"},
  };
  for (const auto& [instruction, said] : rows) {
    CHECK(said_of(program(Code{instruction} + pass())) == said);
  }
}

TEST_CASE("functions are walked with what their callers pass") {
  const Code code = packet() + Code{load(BPF_B, 1, 7, 0), call_function(3), alu(BPF_MUL, 0, 3)} + pass() +
                    Code{move_reg(0, 1), alu(BPF_ADD, 0, 5), leave()};
  ProgramImage image = program(code);
  CHECK(said_of(image) == "");  // the product is of a byte and a few
  const ProgramFacts facts = facts_of(image);
  CHECK(facts.function_starts == std::vector<std::size_t>{0, 13});
  CHECK(facts.instructions[10].target_max == 260);
}

TEST_CASE("the bounds of an operand are those of all paths together") {
  const Code code = packet() + Code{load(BPF_B, 1, 7, 0), move(2, 3),           jump(BPF_JEQ, 1, 7, 1),
                                    move(2, 300),         load(BPF_W, 3, 7, 8), alu_reg(BPF_MUL, 3, 2)} +
                    pass();
  const ProgramFacts facts = facts_of(program(code));
  CHECK(facts.instructions[13].source_min == 3);
  CHECK(facts.instructions[13].source_max == 300);
}

TEST_CASE("the upper half is written only where somebody reads it") {
  const Code code = packet() +
                    Code{load(BPF_W, 1, 7, 0), load(BPF_W, 2, 7, 4), alu32(BPF_ADD, 1, 1), jump(BPF_JEQ, 2, 9, 0)} +
                    pass();
  const ProgramFacts facts = facts_of(program(code));
  CHECK_FALSE(facts.instructions[8].zero_extends);  // read by a 32-bit addition
  CHECK(facts.instructions[9].zero_extends);        // read by a 64-bit comparison
  CHECK_FALSE(facts.instructions[10].zero_extends);
}

TEST_CASE("how far a program reads into the packet") {
  CHECK(facts_of(program(packet() + Code{load(BPF_DW, 1, 7, 40)} + pass())).packet_bytes == 47);
}

TEST_CASE("the stack of calls is rounded up a frame") {
  const Code code = Code{move(1, 7), store(BPF_DW, 10, -72, 1), call_function(2)} + pass() +
                    Code{move(0, 7), store(BPF_DW, 10, -8, 0), leave()};
  const ProgramImage image = program(code);
  const ProgramFacts facts = facts_of(image);
  CHECK(facts.stack_depths == std::vector<std::uint32_t>{72, 8});
  CHECK(stack_on_card(image, facts) == 128 + 64);
  CHECK(stack_in_kernel(image, facts) == 96 + 32);
}

}  // namespace
}  // namespace nicsentry::lint
