// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/rfc3339.h"

#include <fmt/format.h>

#include <ctime>

namespace nicsentry {

std::string rfc3339(TimestampNs timestamp_ns) {
  constexpr TimestampNs kNsPerSecond = 1'000'000'000;
  const TimestampNs ns = (timestamp_ns % kNsPerSecond + kNsPerSecond) % kNsPerSecond;
  const std::time_t seconds = timestamp_ns / kNsPerSecond - (timestamp_ns % kNsPerSecond < 0 ? 1 : 0);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, ns);
}

}  // namespace nicsentry
