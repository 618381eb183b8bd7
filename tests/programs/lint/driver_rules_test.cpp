// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/driver_rules.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/programs/lint/assembly.h"

namespace nicsentry::lint {
namespace {

using namespace assembly;

struct Row {
  const char* what;
  Code code;
  std::string said;  // by the driver; "" if the program is taken
};

void check(const std::vector<Row>& rows, const std::vector<MapDefinition>& maps = {array()}) {
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(said_of(program(row.code, maps)) == row.said);
  }
}

TEST_CASE("stores to and reads of map values") {
  check({
      {"a store", lookup() + Code{move(1, 1), store(BPF_W, 0, 0, 1)} + pass(), "map writes not supported"},
      {"a read", lookup() + Code{load(BPF_W, 1, 0, 4)} + pass(), ""},
      {"an addition", lookup() + Code{move(1, 1), atomic(BPF_DW, 0, 0, 1, BPF_ADD)} + pass(), ""},
      {"a read and an addition of different words",
       lookup() + Code{load(BPF_W, 2, 0, 0), move(1, 1), atomic(BPF_W, 0, 4, 1, BPF_ADD)} + pass(), ""},
      {"a read and then an addition of a word",
       lookup() + Code{load(BPF_B, 2, 0, 5), move(1, 1), atomic(BPF_W, 0, 4, 1, BPF_ADD)} + pass(),
       "map value use type conflict read vs atomic off: 4"},
      {"an addition and then a read of its second word",
       lookup() + Code{move(1, 1), atomic(BPF_DW, 0, 0, 1, BPF_ADD), load(BPF_W, 2, 0, 4)} + pass(),
       "map value use type conflict atomic vs read off: 4"},
      {"a variable offset",
       packet() + Code{load(BPF_B, 8, 7, 0), alu(BPF_AND, 8, 7)} + lookup() +
           Code{alu_reg(BPF_ADD, 0, 8), load(BPF_B, 1, 0, 0)} + pass(),
       "map value offset is variable"},
  });
}

TEST_CASE("atomic operations") {
  const auto row = [](const char* what, std::int32_t operation, std::string said) {
    return Row{what, lookup() + Code{move(1, 1), atomic(BPF_DW, 0, 0, 1, operation)} + pass(), std::move(said)};
  };
  check({
      row("and", BPF_AND, "atomic op not implemented: 80"),
      row("or", BPF_OR, "atomic op not implemented: 64"),
      row("xor", BPF_XOR, "atomic op not implemented: 160"),
      row("an addition whose sum is used", BPF_ADD | BPF_FETCH, "atomic op not implemented: 1"),
      row("exchange", BPF_XCHG, "atomic op not implemented: 225"),
      row("compare and exchange", BPF_CMPXCHG, "atomic op not implemented: 241"),
      {"to the stack", Code{move(1, 1), store(BPF_DW, 10, -8, 1), atomic(BPF_DW, 10, -8, 1, BPF_ADD)} + pass(),
       "atomic add not to a map value pointer: 6"},
      {"of a pointer", packet() + lookup() + Code{atomic(BPF_DW, 0, 0, 7, BPF_ADD)} + pass(),
       "atomic add not of a scalar: 8"},
  });
}

TEST_CASE("multiplications need operands of 32 bits") {
  check({
      {"of two bytes", packet() + Code{load(BPF_B, 1, 7, 0), load(BPF_B, 2, 7, 1), alu_reg(BPF_MUL, 1, 2)} + pass(),
       ""},
      {"of 64 bits", packet() + Code{load(BPF_DW, 1, 7, 0), alu(BPF_MUL, 1, 3)} + pass(),
       "multiplier is not within u32 value range"},
      {"by 64 bits", packet() + Code{load(BPF_W, 1, 7, 0), load(BPF_DW, 2, 7, 8), alu_reg(BPF_MUL, 1, 2)} + pass(),
       "multiplicand is not within u32 value range"},
      {"by a negative constant", packet() + Code{load(BPF_W, 1, 7, 0), alu(BPF_MUL, 1, -3)} + pass(),
       "sign extended multiplicand won't be within u32 value range"},
      {"of 32 bits by a negative constant", packet() + Code{load(BPF_W, 1, 7, 0), alu32(BPF_MUL, 1, -3)} + pass(), ""},
      {"of 32 bits after an XOR with a variable",
       packet() + Code{load(BPF_W, 1, 7, 0), load(BPF_W, 2, 7, 4), alu32_reg(BPF_XOR, 1, 2), alu32(BPF_MUL, 1, 3)} +
           pass(),
       "multiplier is not within u32 value range"},
      {"the same after a move",
       packet() +
           Code{load(BPF_W, 1, 7, 0), load(BPF_W, 2, 7, 4), alu32_reg(BPF_XOR, 1, 2), alu32_reg(BPF_MOV, 1, 1),
                alu32(BPF_MUL, 1, 3)} +
           pass(),
       ""},
  });
}

TEST_CASE("divisions need a constant divisor and a dividend of 32 bits") {
  check({
      {"by a constant", packet() + Code{load(BPF_W, 1, 7, 0), alu(BPF_DIV, 1, 10)} + pass(), ""},
      {"by a register with a constant",
       packet() + Code{load(BPF_W, 1, 7, 0), move(2, 10), alu_reg(BPF_DIV, 1, 2)} + pass(), ""},
      {"by a variable", packet() + Code{load(BPF_W, 1, 7, 0), load(BPF_B, 2, 7, 4), alu_reg(BPF_DIV, 1, 2)} + pass(),
       "divisor is not constant"},
      {"of 64 bits", packet() + Code{load(BPF_DW, 1, 7, 0), alu(BPF_DIV, 1, 10)} + pass(),
       "dividend is not within u32 value range"},
      {"by a register with the constant 0",
       packet() + Code{load(BPF_W, 1, 7, 0), move(2, 0), alu_reg(BPF_DIV, 1, 2)} + pass(),
       "the driver divides by zero while it translates"},
      {"by a negative constant", packet() + Code{load(BPF_W, 1, 7, 0), alu(BPF_DIV, 1, -10)} + pass(),
       "divide by negative constant is not supported"},
      {"the remainder", packet() + Code{load(BPF_W, 1, 7, 0), alu(BPF_MOD, 1, 10)} + pass(),
       "instruction 0x97 not supported"},
  });
}

TEST_CASE("the divisor of all paths must be the same") {
  const Code code = packet() + Code{load(BPF_W, 1, 7, 0), load(BPF_B, 2, 7, 4),
                                    move(3, 10),          jump(BPF_JEQ, 2, 7, 1),  // skips the next
                                    move(3, 11),          alu_reg(BPF_DIV, 1, 3)} +
                    pass();
  CHECK(said_of(program(code)) == "divisor is not constant");
}

TEST_CASE("helpers of the firmware") {
  const auto random = Code{call(BPF_FUNC_get_prandom_u32)} + pass();
  const auto time = Code{call(BPF_FUNC_ktime_get_ns)} + pass();
  CHECK(said_of(program(random)) == "");
  CHECK(said_of(program(time)) == "unsupported function id: 5");
  const auto remove = Code{move(1, 0), store(BPF_W, 10, -4, 1), move_reg(2, 10), alu(BPF_ADD, 2, -4)} +
                      map_pointer(1, 0) + Code{call(BPF_FUNC_map_delete_elem)} + pass();
  CHECK(said_of(program(remove)) == "map_delete: not supported by FW");
}

TEST_CASE("keys are on the stack, at a multiple of 4") {
  const auto with_key = [](const Code& key) {
    return packet() + Code{move(1, 0), store(BPF_DW, 10, -8, 1), store(BPF_DW, 10, -16, 1)} + key + map_pointer(1, 0) +
           Code{call(BPF_FUNC_map_lookup_elem)} + pass();
  };
  check({
      {"aligned", with_key({move_reg(2, 10), alu(BPF_ADD, 2, -12)}), ""},
      {"unaligned", with_key({move_reg(2, 10), alu(BPF_ADD, 2, -15)}), "map_lookup: unaligned stack pointer 15"},
      {"in the packet", with_key({move_reg(2, 7)}), "map_lookup: unsupported ptr type 8"},
  });
}

TEST_CASE("events go to the processor where they arrive") {
  const auto event = [](const Code& flags, const Code& data) {
    return Code{move_reg(6, 1), move(3, 0), store(BPF_DW, 10, -8, 3), store(BPF_DW, 10, -16, 3)} + map_pointer(2, 0) +
           flags + data + Code{move_reg(1, 6), move(5, 8), call(BPF_FUNC_perf_event_output)} + pass();
  };
  const Code current{make(BPF_ALU | BPF_MOV | BPF_K, 3, 0, 0, -1)};
  const Code stack{move_reg(4, 10), alu(BPF_ADD, 4, -8)};
  check(
      {
          {"the current one", event(current, stack), ""},
          {"another one", event({move(3, 0)}, stack), "event_output: must use BPF_F_CURRENT_CPU, var_off: (0x0; 0x0)"},
          {"unaligned data", event(current, {move_reg(4, 10), alu(BPF_ADD, 4, -9)}),
           "event_output: unaligned stack pointer 9"},
      },
      {events()});
}

TEST_CASE("the context") {
  check({
      {"the queue is written", Code{move(2, 3), store(BPF_W, 1, 16, 2)} + pass(), ""},
      {"data is written", Code{move(2, 3), store(BPF_W, 1, 0, 2)} + pass(), "unsupported store to context field"},
  });
}

TEST_CASE("the stack is accessed at constant places") {
  const Code index = packet() + Code{move(1, 0),           store(BPF_DW, 10, -8, 1), store(BPF_DW, 10, -16, 1),
                                     load(BPF_B, 2, 7, 0), alu(BPF_AND, 2, 8),       move_reg(3, 10),
                                     alu(BPF_ADD, 3, -16), alu_reg(BPF_ADD, 3, 2),   load(BPF_B, 1, 3, 0)} +
                     pass();
  CHECK(said_of(program(index)) == "variable ptr stack access");
}

TEST_CASE("an instruction has one kind of pointer on all paths") {
  const Code code =
      packet() + lookup() +
      Code{move_reg(1, 7), load(BPF_B, 2, 7, 0), jump(BPF_JEQ, 2, 7, 1), move_reg(1, 0), load(BPF_B, 3, 1, 0)} + pass();
  CHECK(said_of(program(code)) == "ptr type changed for instruction 4 -> 8");
}

TEST_CASE("all offences are reported, not only the first") {
  const ProgramImage image = program(
      lookup() +
      Code{move(1, 1), store(BPF_W, 0, 0, 1), atomic(BPF_DW, 0, 8, 1, BPF_XOR), call(BPF_FUNC_ktime_get_ns)} + pass());
  const Firmware firmware = find_firmware("agilio-bpf");
  DriverRules rules(image, firmware);
  Walk(image, rules).run();
  std::vector<Rule> broken;
  for (const Finding& finding : rules.findings()) {
    broken.push_back(finding.rule);
    CHECK(!finding.way_out.empty());
  }
  CHECK(broken == std::vector<Rule>{Rule::map_stores, Rule::atomics, Rule::helpers});
}

}  // namespace
}  // namespace nicsentry::lint
