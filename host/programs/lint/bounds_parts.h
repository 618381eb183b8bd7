// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/programs/lint/bounds.h"

// Functions that the parts of bounds.h share.
namespace nicsentry::lint {

inline std::int64_t s64(std::uint64_t number) { return static_cast<std::int64_t>(number); }
inline std::uint64_t u64(std::int64_t number) { return static_cast<std::uint64_t>(number); }
inline std::int32_t s32(std::uint64_t number) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(number)); }
inline std::uint32_t u32(std::int64_t number) { return static_cast<std::uint32_t>(number); }

// The bounds of one width.
template <typename Unsigned, typename Signed>
struct Ends {
  Unsigned& umin;
  Unsigned& umax;
  Signed& smin;
  Signed& smax;
};

inline Ends<std::uint64_t, std::int64_t> whole(Bounds& b) { return {b.umin, b.umax, b.smin, b.smax}; }
inline Ends<std::uint32_t, std::int32_t> low(Bounds& b) { return {b.umin32, b.umax32, b.smin32, b.smax32}; }

}  // namespace nicsentry::lint
