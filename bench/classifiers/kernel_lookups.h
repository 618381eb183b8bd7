// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace nicsentry::bench {

// Nanoseconds of a lookup of an element of 56 bytes in the kernel. Each lookup depends on the one before.
struct KernelLookups {
  std::uint32_t elements = 0;
  double array_ns = 0;
  double hash_ns = 0;
};

// Needs root. Throws SystemError.
KernelLookups kernel_lookups(const std::string& object, std::uint32_t elements, unsigned rounds);

}  // namespace nicsentry::bench
