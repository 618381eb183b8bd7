// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/retention_text.h"

#include <array>
#include <cctype>
#include <chrono>
#include <limits>
#include <utility>

#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/cli/duration.h"

namespace nicsentry {
namespace {

constexpr std::chrono::seconds kShortestAge{1};
constexpr std::uint64_t kLeastBytes = std::uint64_t{64} << 10;

bool is_size(const std::string& text) { return text.ends_with('B'); }

// A limit is an age or a size; of several ones each holds.
Retention::Limits parse_limits(const char* option, const std::vector<std::string>& words) {
  Retention::Limits limits;
  for (const std::string& word : words) {
    if (is_size(word) ? limits.bytes.has_value() : limits.age.has_value()) {
      throw Error(std::string(option) + ": '" + word + "' is a second " + (is_size(word) ? "size" : "age") +
                  "; allowed is one of each");
    }
    if (is_size(word)) {
      limits.bytes = parse_bytes(word);
    } else {
      limits.age = parse_duration(word, kShortestAge);
    }
  }
  return limits;
}

}  // namespace

void check_limit(const std::string& text) {
  if (is_size(text)) {
    parse_bytes(text);
    return;
  }
  try {
    parse_duration(text, kShortestAge);
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + "; or a size, as 100MB or 10GB");
  }
}

std::uint64_t parse_bytes(const std::string& text) {
  constexpr std::array<std::pair<const char*, std::uint64_t>, 8> kUnits{{{"kB", 1'000},
                                                                         {"MB", 1'000'000},
                                                                         {"GB", 1'000'000'000},
                                                                         {"TB", 1'000'000'000'000},
                                                                         {"KiB", std::uint64_t{1} << 10U},
                                                                         {"MiB", std::uint64_t{1} << 20U},
                                                                         {"GiB", std::uint64_t{1} << 30U},
                                                                         {"TiB", std::uint64_t{1} << 40U}}};
  std::size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0) {
    ++digits;
  }
  const auto number = parse_number<std::uint64_t>(text.substr(0, digits));
  for (const auto& [unit, bytes] : kUnits) {
    if (number && text.substr(digits) == unit && *number <= std::numeric_limits<std::int64_t>::max() / bytes) {
      if (*number * bytes < kLeastBytes) {
        throw Error("size '" + text + "': allowed is from 64KiB");
      }
      return *number * bytes;
    }
  }
  throw Error("size '" + text + "': allowed is a whole number and kB, MB, GB, TB, KiB, MiB, GiB or TiB, as 100MB");
}

Retention parse_retention(const RetentionOptions& options) {
  Retention retention;
  retention.rotate = parse_limits("--rotate", options.rotate);
  retention.keep = parse_limits("--keep", options.keep);
  if (options.compress == "gzip") retention.compression = Compression::gzip;
  if (options.compress == "zstd") retention.compression = Compression::zstd;
  if (retention.keep.any() && !retention.keep.bytes && !retention.rotate.any()) {
    throw Error("--keep " + options.keep.front() + ": files that grow have no age; add --rotate, as --rotate 1h");
  }
  if (retention.compression != Compression::none && !retention.any()) {
    throw Error("--compress " + options.compress + ": only rotated files are compressed; add --rotate or --keep");
  }
  return retention;
}

}  // namespace nicsentry
