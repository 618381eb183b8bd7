// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/retention_text.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "host/base/error.h"

namespace nicsentry::retention_text_test {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("a size is a whole number and a unit") {
  CHECK(parse_bytes("100MB") == 100'000'000);
  CHECK(parse_bytes("10GB") == 10'000'000'000);
  CHECK(parse_bytes("1GiB") == std::uint64_t{1} << 30U);
  CHECK(parse_bytes("66kB") == 66'000);
  for (const char* wrong :
       {"", "MB", "10", "10mb", "1.5GB", "-1MB", "10 MB", "99999999999999999999TB", "1000000000TB"}) {
    INFO(wrong);
    CHECK_THROWS_WITH(parse_bytes(wrong), Contains(std::string("size '") + wrong + "': allowed is a whole number"));
  }
  CHECK_THROWS_WITH(parse_bytes("1kB"), Contains("allowed is from 64KiB"));
}

TEST_CASE("limits of files are an age, a size, or both") {
  const Retention retention = parse_retention({{"1h", "100MB"}, {"10GB", "7d"}, "zstd"});
  CHECK(retention.rotate.age == 1h);
  CHECK(retention.rotate.bytes == 100'000'000U);
  CHECK(retention.keep.age == 168h);
  CHECK(retention.keep.bytes == 10'000'000'000U);
  CHECK(retention.compression == Compression::zstd);
  CHECK(parse_retention({{}, {"10GB"}, "gzip"}).compression == Compression::gzip);
  CHECK_FALSE(parse_retention({}).any());
}

TEST_CASE("limits that cannot hold are refused") {
  CHECK_THROWS_WITH(parse_retention({{"1h", "2h"}, {}, ""}), Contains("--rotate: '2h' is a second age"));
  CHECK_THROWS_WITH(parse_retention({{}, {"1GB", "2GB"}, ""}), Contains("--keep: '2GB' is a second size"));
  CHECK_THROWS_WITH(parse_retention({{}, {"7d"}, ""}), Contains("add --rotate"));
  CHECK_THROWS_WITH(parse_retention({{}, {}, "zstd"}), Contains("add --rotate or --keep"));
}

}  // namespace nicsentry::retention_text_test
