// SPDX-License-Identifier: GPL-2.0-or-later
// A table of cases; tests/export/files/test_python_floats.py compares some 300,000 numbers with Python itself.
#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <string>

#include "host/export/files/python_float.h"

namespace nicsentry::output_python_float_test {

TEST_CASE("a float is printed as Python prints it") {
  struct Case {
    double value;
    std::string text;
  };
  const auto [value, text] = GENERATE(values<Case>({
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {2.0, "2.0"},
      {-1.5, "-1.5"},
      {1000.0 / 3, "333.3333333333333"},
      {0.1, "0.1"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {0.000012345, "1.2345e-05"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {12345678901234567890.0, "1.2345678901234567e+19"},
      {1777636801.000001, "1777636801.000001"},
      {5e-324, "5e-324"},
      {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
      {std::numeric_limits<double>::infinity(), "inf"},
      {-std::numeric_limits<double>::infinity(), "-inf"},
      {std::numeric_limits<double>::quiet_NaN(), "nan"},
  }));
  CHECK(python_float(value) == text);
}

TEST_CASE("a quotient of integers beyond 2^53 is rounded once, not twice") {
  // 2^64 - 1 and 2^53 + 1 have no double. Quotients of doubles would be 2048.0 and 1.0.
  CHECK(python_float(python_quotient(18446744073709551615U, 9007199254740993U)) == "2047.9999999999998");
  CHECK(python_float(python_quotient(9007199254740993U, 9007199254740992U)) == "1.0");
  CHECK(python_float(python_quotient(9007199254740995U, 9007199254740992U)) == "1.0000000000000004");
  CHECK(python_float(python_quotient(0, 5)) == "0.0");
  CHECK(python_float(python_quotient(1, 18446744073709551615U)) == "5.421010862427522e-20");
}

TEST_CASE("nanoseconds become the nearest seconds") {
  CHECK(python_float(python_seconds(1'777'636'801'000'001'042)) == "1777636801.000001");
  CHECK(python_float(python_seconds(0)) == "0.0");
  CHECK(python_float(python_seconds(1)) == "1e-09");
  CHECK(python_float(python_seconds(-1'500'000'000)) == "-1.5");
  CHECK(python_float(python_seconds(std::numeric_limits<std::int64_t>::min())) == "-9223372036.854776");
}

}  // namespace nicsentry::output_python_float_test
