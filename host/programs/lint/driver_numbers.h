// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

#include "host/programs/lint/state.h"

// Numbers as the driver prints them.
namespace nicsentry::lint {

inline std::string hexadecimal(std::uint64_t number) {
  char text[20];
  std::snprintf(text, sizeof(text), "0x%" PRIx64, number);
  return text;
}

inline std::string kind_number(const Value& value) {
  constexpr int kMaybeNull = 256;
  return std::to_string(static_cast<int>(value.kind) + (value.maybe_null ? kMaybeNull : 0));
}

}  // namespace nicsentry::lint
