// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

// How many NFP instructions the driver writes for the parts that translations are made of
// (drivers/net/ethernet/netronome/nfp/bpf/jit.c of Linux 6.1).
namespace nicsentry::lint {

// A constant into a register: one instruction carries 16 bits, at byte 0, 1 or 2, plain or inverted.
unsigned immediate_size(std::uint32_t value);

// A constant as an operand: small ones stand in the instruction itself, others need a register.
unsigned operand_size(std::uint32_t value);             // of an ALU instruction: 8 bits
unsigned restricted_operand_size(std::uint32_t value);  // of a memory command: 7 bits

enum class AluOperation { add, subtract, bit_and, bit_or, bit_xor };
// One 32-bit half with a constant.
unsigned alu_constant_size(AluOperation operation, std::uint32_t value);

// Shifts; a constant one where the least and the greatest amount are the same.
enum class Shift { left, right, arithmetic_right };
unsigned shift64_size(Shift shift, std::uint64_t least, std::uint64_t most);
unsigned shift32_size(Shift shift, std::uint64_t least, std::uint64_t most);  // without zero extension

unsigned multiplication_size(std::uint32_t target_max, std::uint32_t source_max);
// By a constant that is not 0: multiplication by the reciprocal.
unsigned division_size(std::uint64_t divisor);

}  // namespace nicsentry::lint
