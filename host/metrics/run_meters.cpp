// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/metrics/run_meters.h"

#include <algorithm>

namespace nicsentry {
namespace {

void add_to(Amount& to, const Amount& amount) {
  to.packets += amount.packets;
  to.bytes += amount.bytes;
}

void add_accounting(Accounting& to, const Accounting& window) {
  for (const auto part : {&Accounting::on_sessions, &Accounting::unknown, &Accounting::dropped, &Accounting::unjudged,
                          &Accounting::learned}) {
    add_to(to.*part, window.*part);
  }
  for (std::size_t cause = 0; cause < window.not_understood.size(); ++cause) {
    add_to(to.not_understood.at(cause), window.not_understood.at(cause));
  }
  for (const auto part : {&Accounting::unknown_events_sent, &Accounting::unknown_events_arrived,
                          &Accounting::known_events_sent, &Accounting::known_events_arrived, &Accounting::sessions_new,
                          &Accounting::sessions_refused, &Accounting::cut_frames}) {
    to.*part += window.*part;
  }
  to.sessions_active = window.sessions_active;
  to.mode = window.mode;
}

}  // namespace

void RunMeters::add_window(const WindowReport& report, std::chrono::nanoseconds closing) {
  const std::lock_guard lock(mutex_);
  ++figures_.windows;
  figures_.end_ns = report.end_ns;
  figures_.closing.add(closing);
  for (Accounting& sums : figures_.attachments) {
    sums.sessions_active = 0;  // of one that has gone
  }
  for (const Accounting& window : report.attachments) {
    const auto known = std::find_if(figures_.attachments.begin(), figures_.attachments.end(), [&](const auto& one) {
      return one.interface == window.interface && one.hook == window.hook;
    });
    if (known == figures_.attachments.end()) {
      figures_.attachments.push_back(window);
    } else {
      add_accounting(*known, window);
    }
  }
}

void RunMeters::add_written(std::chrono::nanoseconds time) {
  const std::lock_guard lock(mutex_);
  figures_.writing.add(time);
}

void RunMeters::add_left_out(const std::string& output, std::uint64_t windows) {
  const std::lock_guard lock(mutex_);
  figures_.left_out[output] += windows;
}

void RunMeters::add_messages(const std::string& level, std::uint64_t messages) {
  const std::lock_guard lock(mutex_);
  figures_.messages[level] += messages;
}

WindowFigures RunMeters::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace nicsentry
