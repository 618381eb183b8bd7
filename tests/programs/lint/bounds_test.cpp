// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/bounds.h"

#include <linux/bpf.h>

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace nicsentry::lint {
namespace {

bool holds(const Bounds& bounds, std::uint64_t number) {
  const auto low = static_cast<std::uint32_t>(number);
  return (number & ~bounds.bits.unknown) == bounds.bits.value && bounds.umin <= number && number <= bounds.umax &&
         bounds.smin <= static_cast<std::int64_t>(number) && static_cast<std::int64_t>(number) <= bounds.smax &&
         bounds.umin32 <= low && low <= bounds.umax32 && bounds.smin32 <= static_cast<std::int32_t>(low) &&
         static_cast<std::int32_t>(low) <= bounds.smax32;
}

std::uint64_t computed(unsigned operation, bool wide, std::uint64_t a, std::uint64_t b) {
  const auto a32 = static_cast<std::uint32_t>(a);
  const auto b32 = static_cast<std::uint32_t>(b);
  switch (operation) {
    case BPF_ADD:
      return wide ? a + b : static_cast<std::uint32_t>(a32 + b32);
    case BPF_SUB:
      return wide ? a - b : static_cast<std::uint32_t>(a32 - b32);
    case BPF_MUL:
      return wide ? a * b : static_cast<std::uint32_t>(a32 * b32);
    case BPF_AND:
      return wide ? a & b : a32 & b32;
    case BPF_OR:
      return wide ? a | b : a32 | b32;
    case BPF_XOR:
      return wide ? a ^ b : a32 ^ b32;
    case BPF_LSH:
      return wide ? a << (b & 63U) : static_cast<std::uint32_t>(a32 << (b & 31U));
    case BPF_RSH:
      return wide ? a >> (b & 63U) : a32 >> (b & 31U);
    default:
      return wide ? static_cast<std::uint64_t>(static_cast<std::int64_t>(a) >> (b & 63U))
                  : static_cast<std::uint32_t>(static_cast<std::int32_t>(a32) >> (b & 31U));
  }
}

// Bounds with a number that is within them.
struct Sample {
  Bounds bounds;
  std::uint64_t number;
};

class Samples {
 public:
  Sample next() {
    Sample sample{Bounds{}, random_()};
    switch (random_() % 4) {
      case 0:
        sample.bounds = Bounds::constant(sample.number = interesting());
        break;
      case 1: {
        sample.bounds.bits.unknown = random_() & random_();
        sample.bounds.bits.value = sample.number & ~sample.bounds.bits.unknown;
        sample.bounds.refine();
        break;
      }
      case 2: {
        const unsigned bytes = 1U << (random_() % 3);
        sample.bounds.truncate(bytes);
        sample.number &= (std::uint64_t{1} << (bytes * 8)) - 1;
        break;
      }
      default:
        break;
    }
    return sample;
  }
  std::uint64_t interesting() {
    static const std::vector<std::uint64_t> numbers{0,
                                                    1,
                                                    7,
                                                    31,
                                                    32,
                                                    63,
                                                    255,
                                                    0xffff,
                                                    0x7fffffff,
                                                    0x80000000,
                                                    0xffffffff,
                                                    0x100000000,
                                                    ~std::uint64_t{0},
                                                    ~std::uint64_t{7}};
    return numbers[random_() % numbers.size()];
  }
  std::uint64_t random() { return random_(); }

 private:
  std::mt19937_64 random_{5};
};

constexpr std::array kOperations = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH};
constexpr std::array kJumps = {BPF_JEQ, BPF_JNE,  BPF_JSET, BPF_JGT,  BPF_JGE, BPF_JLT,
                               BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};

bool jumps(unsigned operation, bool wide, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t x = wide ? a : static_cast<std::uint32_t>(a);
  const std::uint64_t y = wide ? b : static_cast<std::uint32_t>(b);
  const std::int64_t sx = wide ? static_cast<std::int64_t>(a) : static_cast<std::int32_t>(a);
  const std::int64_t sy = wide ? static_cast<std::int64_t>(b) : static_cast<std::int32_t>(b);
  switch (operation) {
    case BPF_JEQ:
      return x == y;
    case BPF_JNE:
      return x != y;
    case BPF_JSET:
      return (x & y) != 0;
    case BPF_JGT:
      return x > y;
    case BPF_JGE:
      return x >= y;
    case BPF_JLT:
      return x < y;
    case BPF_JLE:
      return x <= y;
    case BPF_JSGT:
      return sx > sy;
    case BPF_JSGE:
      return sx >= sy;
    case BPF_JSLT:
      return sx < sy;
    default:
      return sx <= sy;
  }
}

TEST_CASE("bounds after an operation hold the operation's result") {
  Samples samples;
  for (int i = 0; i < 200'000; ++i) {
    const auto operation = static_cast<unsigned>(kOperations.at(samples.random() % kOperations.size()));
    const bool wide = samples.random() % 2 == 0;
    const Sample source = samples.next();
    Sample target = samples.next();
    const std::uint64_t result = computed(operation, wide, target.number, source.number);
    const bool shift = operation == BPF_LSH || operation == BPF_RSH || operation == BPF_ARSH;
    if (shift && source.bounds.bits.constant() && source.number >= (wide ? 64 : 32)) {
      continue;  // undefined
    }
    apply_arithmetic(operation, wide, target.bounds, source.bounds);
    if (!holds(target.bounds, result)) {
      CAPTURE(operation, wide, target.number, source.number, result);
      FAIL("the result is outside");
    }
  }
}

TEST_CASE("bounds after a comparison hold the number on the way that it takes") {
  Samples samples;
  for (int i = 0; i < 200'000; ++i) {
    const auto operation = static_cast<unsigned>(kJumps.at(samples.random() % kJumps.size()));
    const bool wide = samples.random() % 2 == 0;
    const Sample sample = samples.next();
    const std::uint64_t constant = samples.random() % 2 == 0 ? samples.interesting() : sample.number;
    const bool taken = jumps(operation, wide, sample.number, constant);
    const Way way = way_of(operation, wide, sample.bounds, constant);
    CAPTURE(operation, wide, sample.number, constant, taken);
    if (way != (taken ? Way::taken : Way::not_taken) && way != Way::either) {
      FAIL("the way is wrong");
    }
    Bounds on_taken = sample.bounds;
    Bounds on_other = sample.bounds;
    narrow(operation, wide, on_taken, on_other, constant, static_cast<std::uint32_t>(constant));
    if (!holds(taken ? on_taken : on_other, sample.number)) {
      FAIL("the number is outside");
    }
  }
}

TEST_CASE("bounds are those of the kernel") {
  SECTION("a loaded byte has 8 bits") {
    Bounds byte;
    byte.truncate(1);
    CHECK(byte.umax == 255);
    CHECK(byte.bits == KnownBits{0, 255});
  }
  SECTION("a 32-bit OR of two variables has no bounds at all") {
    Bounds target;
    target.truncate(4);
    Bounds source;
    source.truncate(4);
    apply_arithmetic(BPF_OR, false, target, source);
    CHECK(target == Bounds{});
  }
  SECTION("a 32-bit addition of two variables keeps 32 bits") {
    Bounds target;
    target.truncate(4);
    Bounds source;
    source.truncate(4);
    apply_arithmetic(BPF_ADD, false, target, source);
    CHECK(target.umax == UINT32_MAX);
  }
  SECTION("a right shift by a constant divides the greatest number") {
    Bounds target;
    target.truncate(2);
    apply_arithmetic(BPF_RSH, true, target, Bounds::constant(4));
    CHECK(target.umax == 0xfff);
  }
  SECTION("a product of a byte and a constant") {
    Bounds target;
    target.truncate(1);
    apply_arithmetic(BPF_MUL, true, target, Bounds::constant(100));
    CHECK(target.umax == 25'500);
    CHECK(target.smin == 0);
  }
  SECTION("a comparison narrows both ways") {
    Bounds taken;
    taken.truncate(2);
    Bounds other = taken;
    narrow(BPF_JGT, true, taken, other, 1000, 1000);
    CHECK(taken.umin == 1001);
    CHECK(other.umax == 1000);
  }
  SECTION("the complement of a known bit is known after a test for it") {
    Bounds taken;
    Bounds other;
    narrow(BPF_JSET, true, taken, other, 8, 8);
    CHECK((taken.bits.value & 8U) == 8);
    CHECK((other.bits.greatest() & 8U) == 0);
  }
}

}  // namespace
}  // namespace nicsentry::lint
