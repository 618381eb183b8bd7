// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/analysis/attachment.h"
#include "host/analysis/counter_scan.h"
#include "host/base/timestamp.h"
#include "host/report/window_report.h"

namespace nicsentry {

class Monitor;

// The end of a window, in two steps. Monitor::flip() turns the programs to the next window and returns this token. The
// caller then waits until no program still processes a packet in the old window (quiescence), and hands all events that
// arrived so far to Monitor::process(). collect() reads what the old window counted and returns its report.
// A token that is destroyed before collect() leaves the window unfinished: the next flip() throws, so that no window
// can be missing from the reports. The token must not outlive its monitor.
class [[nodiscard]] WindowCloser {
 public:
  WindowCloser(WindowCloser&& other) noexcept;
  WindowCloser& operator=(WindowCloser&&) = delete;
  WindowCloser(const WindowCloser&) = delete;
  WindowCloser& operator=(const WindowCloser&) = delete;
  ~WindowCloser() = default;

  // `end_ns`: where the window ends and the next one starts. Throws std::logic_error when it is called again.
  WindowReport collect(TimestampNs end_ns);

 private:
  friend class Monitor;
  WindowCloser(Monitor& monitor, std::uint32_t epoch, std::uint64_t number, TimestampNs start_ns);

  void close(Attachment& attachment, TimestampNs end_ns);
  void open(Attachment& attachment);
  bool is_silent(const AttachmentSessions::Entry& entry) const;
  void read_sessions(Attachment& attachment, TimestampNs end_ns);
  void count_entry(Attachment& attachment, AttachmentSessions::Entry& entry, unsigned half,
                   const session_counters& counters, TimestampNs end_ns);
  void make_room(Attachment& attachment);
  void change_spent_keys(Attachment& attachment);

  Monitor* monitor_;     // none once it was collected
  std::uint32_t epoch_;  // of the window that closes
  std::uint64_t number_;
  TimestampNs start_ns_;
  CounterScan scan_;
};

}  // namespace nicsentry
