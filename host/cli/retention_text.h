// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/export/files/retention.h"

namespace nicsentry {

// Options of a run's files, as text until they are parsed.
struct RetentionOptions {
  std::vector<std::string> rotate;
  std::vector<std::string> keep;
  std::string compress;
};

// "100MB", "10GB", "512kB", "1GiB". Throws Error.
std::uint64_t parse_bytes(const std::string& text);

// Throws Error where the text is neither a size nor a duration.
void check_limit(const std::string& text);

// Throws Error, also for files that would grow without an end in spite of --keep.
Retention parse_retention(const RetentionOptions& options);

}  // namespace nicsentry
