// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/report_output.h"

#include <catch2/catch.hpp>
#include <mutex>
#include <string>
#include <vector>

namespace nicsentry::report_output_test {
namespace {

WindowReport window(std::uint64_t number, std::uint64_t packets) {
  WindowReport report;
  report.number = number;
  report.attachments.resize(1);
  report.attachments.front().on_sessions.packets = packets;
  return report;
}

}  // namespace

TEST_CASE("windows without packets are told of once, until packets come again") {
  std::mutex mutex;
  std::vector<std::string> told;
  const auto tell = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    told.push_back(text);
  };
  ReportOutputOptions options;
  options.text = WindowText::none;
  options.wait_when_full = true;
  ReportOutput output(options, Profile::all, {tell, tell, tell});
  std::uint64_t number = 0;
  for (const std::uint64_t packets : {5U, 0U, 0U, 0U, 1U, 0U, 0U}) {
    output.publish(window(number++, packets));
  }
  CHECK(output.close());
  REQUIRE(told.size() == 2);
  CHECK_THAT(told[0], Catch::StartsWith("window 1: no packets"));
  CHECK_THAT(told[1], Catch::StartsWith("window 5: no packets"));
}

}  // namespace nicsentry::report_output_test
