// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/app/messages.h"
#include "host/export/files/tidy_rows.h"
#include "host/export/files/window_files.h"
#include "host/export/stream/fd_writer.h"
#include "host/filter/session_filter.h"
#include "host/report/session_groups.h"
#include "host/report/table_order.h"
#include "host/report/window_report.h"
#include "host/run/report_bus.h"

namespace nicsentry {

// The form of a window on standard output; `rows`: those of one tidy table.
enum class WindowText : std::uint8_t { none, table, json, rows };

struct ReportOutputOptions {
  std::vector<Format> formats;
  OutputPlace place;
  WindowText text = WindowText::table;  // to standard output
  unsigned top = 10;                    // rows of the table
  std::optional<Grouping> by{};         // of the table's rows; none: a row is a session
  TableOrder order = TableOrder::packets;
  bool local_time = false;     // in the table, in place of UTC
  bool wide = false;           // likewise, not cut to the terminal's width
  bool service_names = false;  // likewise, for servers' ports
  TidyTableName rows = TidyTableName::sessions;
  std::optional<SessionFilter> filter{};  // of the sessions that are shown and written; all are analysed
  bool wait_when_full = false;            // a replay loses nothing; a live run waits for nobody
  std::function<void()> before_text;      // on the thread that writes, before each text
  std::function<void()> text_ended;       // likewise, once, when nobody reads standard output any more (EPIPE, EIO)
  std::function<void(const WindowOutcome&)> written{};  // on the thread that writes files
  // Windows that an output ("files", "standard output") did not keep up with. On the thread of publish().
  std::function<void(const std::string& output, std::uint64_t windows)> lost{};
};

// Gives windows to the files and to standard output, each with a queue and a thread of its own. Of one thread.
class ReportOutput {
 public:
  // Makes the files' directories. Windows go on with the number after those of an earlier run there. Throws Error.
  ReportOutput(const ReportOutputOptions& options, Profile profile, Messages messages);

  void publish(WindowReport report);
  // The number that the first window of this run has in the files.
  std::uint64_t first_window() const { return first_window_; }

  // Any thread: what became of the files of a window, by the number that it was published with; nothing where that is
  // not known within the limit.
  std::optional<WindowOutcome> wait_for(std::uint64_t number, std::chrono::milliseconds limit);
  // Whoever waits gets nothing from now on.
  void forget_waiting() { outcomes_->close(); }

  // Finishes what waits. False where a window was lost, or could not be written.
  bool close();
  // Any thread: windows whose files could not be written, or did not keep up.
  std::uint64_t windows_lost() const { return *windows_lost_; }
  // A thread stands in a write that does not end; the process has to end without it.
  bool abandoned() const { return abandoned_; }

 private:
  struct Text;

  void report_losses(bool last);

  Messages messages_;
  bool has_files_;
  std::function<void(const std::string& output, std::uint64_t windows)> lost_;
  std::uint64_t first_window_ = 0;  // its number in the files
  std::shared_ptr<WindowOutcomes> outcomes_;
  std::shared_ptr<std::atomic<bool>> failed_;
  std::shared_ptr<std::atomic<std::uint64_t>> windows_lost_;  // of files
  std::uint64_t seed_csv_files_;
  std::shared_ptr<std::atomic<std::uint64_t>> sessions_left_out_;  // not reported yet
  std::shared_ptr<Text> text_;
  ReportBus<WindowReport> bus_;
  std::vector<ReportBus<WindowReport>::Loss> losses_;  // not reported yet
  std::chrono::steady_clock::time_point next_loss_report_;
  bool abandoned_ = false;
};

}  // namespace nicsentry
