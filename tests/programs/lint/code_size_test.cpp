// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/code_size.h"

#include <catch2/catch.hpp>
#include <vector>

namespace nicsentry::lint {
namespace {

TEST_CASE("a constant of 16 bits at a byte's place takes one instruction, any other two") {
  for (const std::uint32_t one : {0U, 1U, 0xffffU, 0xffff00U, 0xffff0000U, 0xffffffffU, 0xfffffffeU, 0xff0000ffU}) {
    INFO(one);
    CHECK(immediate_size(one) == 1);
  }
  for (const std::uint32_t two : {0x10001U, 0x12345678U, 0x44112282U, 0xff00ff00U}) {
    INFO(two);
    CHECK(immediate_size(two) == 2);
  }
}

TEST_CASE("a small constant is part of the instruction") {
  CHECK(operand_size(255) == 0);
  CHECK(operand_size(256) == 1);
  CHECK(operand_size(0x12345678) == 2);
  CHECK(restricted_operand_size(127) == 0);
  CHECK(restricted_operand_size(128) == 1);
}

TEST_CASE("bitwise operations with all or no bits are free or a move") {
  CHECK(alu_constant_size(AluOperation::bit_and, 0) == 1);
  CHECK(alu_constant_size(AluOperation::bit_and, 0xffffffff) == 0);
  CHECK(alu_constant_size(AluOperation::bit_or, 0) == 0);
  CHECK(alu_constant_size(AluOperation::bit_or, 0xffffffff) == 1);
  CHECK(alu_constant_size(AluOperation::bit_xor, 0) == 0);
  CHECK(alu_constant_size(AluOperation::bit_xor, 0xffffffff) == 1);
  CHECK(alu_constant_size(AluOperation::add, 0) == 1);
  CHECK(alu_constant_size(AluOperation::add, 1000) == 2);
}

TEST_CASE("the length of a shift depends on what is known of the amount") {
  struct Row {
    Shift shift;
    std::uint64_t least, most;
    unsigned size64, size32;
  };
  const std::vector<Row> rows{
      {Shift::left, 0, 0, 0, 0},
      {Shift::left, 5, 5, 2, 1},
      {Shift::left, 32, 32, 2, 1},
      {Shift::left, 0, 31, 5, 2},
      {Shift::left, 32, 63, 3, 2},
      {Shift::left, 0, 63, 10, 2},
      {Shift::right, 0, 31, 4, 2},
      {Shift::right, 0, 63, 9, 2},
      {Shift::arithmetic_right, 3, 3, 3, 2},
      {Shift::arithmetic_right, 32, 32, 2, 2},
      {Shift::arithmetic_right, 0, 63, 9, 2},
  };
  for (const Row& row : rows) {
    CAPTURE(row.least, row.most);
    CHECK(shift64_size(row.shift, row.least, row.most) == row.size64);
    CHECK(shift32_size(row.shift, row.least, row.most) == row.size32);
  }
}

// The corpus has a program of these divisions (divisions.c), whose length is the driver's.
TEST_CASE("a division is a multiplication by the reciprocal") {
  const std::vector<std::pair<std::uint64_t, unsigned>> rows{
      {1, 1}, {16, 1}, {10, 10}, {7, 13}, {14, 11}, {641, 10}, {0x90000000, 4}, {std::uint64_t{1} << 32, 1},
  };
  for (const auto& [divisor, size] : rows) {
    INFO(divisor);
    CHECK(division_size(divisor) == size);
  }
}

TEST_CASE("a multiplication of 16 bits is shorter than one of 32") {
  CHECK(multiplication_size(0xffff, 0xffff) == 4);
  CHECK(multiplication_size(0x10000, 3) == 7);
  CHECK(multiplication_size(3, 0x10000) == 7);
}

}  // namespace
}  // namespace nicsentry::lint
