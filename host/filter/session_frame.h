// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "host/report/window_report.h"

namespace nicsentry {

enum class FrameTags : std::uint8_t { none, as_in_session };

// An Ethernet frame from a session's client to its server: headers with what the session has, the rest 0.
struct SessionFrame {
  static constexpr std::size_t kLongest = 14 + 2 * 4 + 40 + 20;  // Ethernet, two tags, IPv6, TCP

  std::array<std::uint8_t, kLongest> bytes{};
  std::size_t length = 0;
};

SessionFrame frame_of(const SessionWindow& session, FrameTags tags);

}  // namespace nicsentry
