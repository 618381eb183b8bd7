// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "host/top/view.h"

namespace nicsentry::top::test {

inline Row session(unsigned number, double rate = 0) {
  Row row;
  row.source = "192.0.2." + std::to_string(number);
  row.client = row.source + ":40000";
  row.server = "198.51.100.1:443";
  row.protocol = "TCP";
  row.packets_per_second = rate;
  row.bits_per_second = 8000 * rate;
  row.packets = 10 * number;
  row.bytes = 10'000 * number;
  return row;
}

// Of so many sessions: 192.0.2.0, 192.0.2.1, ...
inline Snapshot snapshot(unsigned sessions) {
  Snapshot now;
  now.version = "0.2.0";
  now.pid = 4711;
  now.table.time_ns = 1'700'000'000'000'000'000;
  now.table.window = 7;
  now.table.elapsed = std::chrono::seconds(75);
  now.table.total = sessions;
  for (unsigned number = 0; number < sessions; ++number) {
    now.table.rows.push_back(session(number, 1000 - number));
  }
  Attachment in{"eth0", "xdp", "drv", {}};
  in.seconds.resize(60);
  in.seconds.back() = {1234, 150'000, 5, 500, 0};
  now.attachments = {in};
  now.status.firewall = true;
  return now;
}

inline View view_of(unsigned sessions, const Question& question = {}) {
  View view({"eth0", "", question});
  view.take(question, snapshot(sessions));
  return view;
}

inline Reaction press(View& view, char letter) { return view.press({Key::Named::character, letter}); }
inline void type(View& view, std::string_view text) {
  for (const char letter : text) {
    press(view, letter);
  }
}

}  // namespace nicsentry::top::test
