// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/report_output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "host/base/error.h"
#include "host/export/files/summary_json.h"
#include "host/export/files/table.h"

namespace nicsentry {
namespace {

constexpr const char* kTextSubscriber = "standard output";
constexpr std::chrono::seconds kBetweenLossReports{10};

// 0 where stdout is no terminal.
unsigned terminal_width() {
  winsize size{};
  return isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::uint64_t packets_in(const WindowReport& report) {
  std::uint64_t packets = 0;
  for (const Accounting& accounting : report.attachments) {
    packets += accounting.in().packets;
  }
  return packets;
}

std::string plural(std::uint64_t count) { return std::to_string(count) + (count == 1 ? " window" : " windows"); }

// Tells of windows whose files cannot be written: each reason once while it lasts, and the number once it is over. Of
// the files' thread.
class WriteFailures {
 public:
  explicit WriteFailures(Messages told) : told_(std::move(told)) {}

  void tell(const WindowOutcome& outcome) {
    if (outcome.errors.empty()) {
      if (windows_ != 0) {
        told_.warning("files are written again; " + plural(windows_) + " before window " +
                      std::to_string(outcome.number) + " are not in all of them");
      }
      windows_ = 0;
      reasons_.clear();
      return;
    }
    ++windows_;
    for (const std::string& error : outcome.errors) {
      if (reasons_.insert(error).second) {
        told_.error("window " + std::to_string(outcome.number) + " is not in all files: " + error);
      }
    }
  }

 private:
  Messages told_;
  std::uint64_t windows_ = 0;
  std::set<std::string> reasons_;
};

}  // namespace

// The text of windows on standard output. Of its subscriber's thread, but give_up().
struct ReportOutput::Text {
  Text(const ReportOutputOptions& wanted, Profile rows_of, Messages told)
      : options(wanted), profile(rows_of), messages(std::move(told)) {}

  void write(const WindowReport& report) {
    if (ended) {
      return;
    }
    if (options.text == WindowText::rows) {
      write_json_rows(report, options.rows, profile, options.place.traffic_rows, [this](std::string_view lines) {
        write(lines);
        return !ended;
      });
      return;
    }
    std::string text;
    if (options.text == WindowText::json) {
      text = window_json(report).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    } else if (packets_in(report) == 0 && report.outages.empty()) {
      tell_of_silence(report.number);
    } else {
      silent = false;
      if (options.text == WindowText::table) {
        text = format_table(report, {options.wide ? 0U : terminal_width(), options.top, options.by, options.order,
                                     options.local_time, options.service_names ? &services : nullptr});
      }
    }
    write(text);
  }

  void tell_of_silence(std::uint64_t window) {
    if (!std::exchange(silent, true)) {
      messages.info("window " + std::to_string(window) +
                    ": no packets; further windows without packets are not reported");
    }
  }

  void write(std::string_view text) {
    if (text.empty()) {
      return;
    }
    if (options.before_text) {
      options.before_text();
    }
    try {
      writer.write(text);
    } catch (const SystemError& error) {
      ended = error.code() == EPIPE || error.code() == EIO;
      if (!ended || !options.text_ended) {
        throw;
      }
      options.text_ended();
    }
  }

  const ReportOutputOptions options;
  const Profile profile;
  const Messages messages;
  FdWriter writer{STDOUT_FILENO};
  ServiceNames services;
  bool ended = false;   // nobody reads any more
  bool silent = false;  // the last window had no packets
};

ReportOutput::ReportOutput(const ReportOutputOptions& options, Profile profile, Messages messages)
    : messages_(std::move(messages)),
      has_files_(!options.formats.empty()),
      lost_(options.lost),
      outcomes_(std::make_shared<WindowOutcomes>()),
      failed_(std::make_shared<std::atomic<bool>>(false)),
      windows_lost_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      seed_csv_files_(options.place.seed_csv_files),
      sessions_left_out_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      text_(std::make_shared<Text>(options, profile, messages_)) {
  if (has_files_) {
    OutputPlace place = options.place;
    place.warn = messages_.warning;
    auto files = std::make_shared<WindowFiles>(options.formats, profile, place);
    first_window_ = files->next_window();
    if (first_window_ != 0) {
      messages_.info("the files in " + place.directory.string() + " go on with window " +
                     std::to_string(first_window_));
    }
    bus_.subscribe(subscribe_files(
        std::move(files), outcomes_, options.wait_when_full,
        [failed = failed_, lost = windows_lost_, left_out = sessions_left_out_, written = options.written,
         failures = WriteFailures(messages_)](const WindowOutcome& outcome) mutable {
          if (written) {
            written(outcome);
          }
          *left_out += outcome.sessions_left_out;
          failures.tell(outcome);
          if (!outcome.errors.empty()) {
            *failed = true;
            ++*lost;
          }
        }));
  }
  QueueLimits limits;
  limits.wait_when_full = options.wait_when_full;
  bus_.subscribe(std::make_shared<Subscriber<WindowReport>>(
      kTextSubscriber, limits, [text = text_](const auto& report) { text->write(*report); },
      Subscriber<WindowReport>::Dropped(),
      [failed = failed_, told = messages_](const std::exception& error) {
        *failed = true;
        told.error(error.what());
      }));
}

void ReportOutput::publish(WindowReport report) {
  report.number += first_window_;
  if (const auto& filter = text_->options.filter) {
    report.sessions_hidden =
        std::erase_if(report.sessions, [&filter](const SessionWindow& session) { return !filter->matches(session); });
  }
  const std::uint64_t number = report.number;
  const std::size_t bytes = memory_of(report);
  bus_.publish(std::make_shared<const WindowReport>(std::move(report)), bytes);
  if (!has_files_) {
    outcomes_->add({number, {}, {}, 0});
  }
  report_losses(false);
}

std::optional<WindowOutcome> ReportOutput::wait_for(std::uint64_t number, std::chrono::milliseconds limit) {
  return outcomes_->wait_for(first_window_ + number, limit);
}

bool ReportOutput::close() {
  outcomes_->close();
  for (const auto& subscriber : bus_.subscribers()) {
    if (!subscriber->finish()) {
      text_->writer.give_up();  // ends a write to standard output that waits
    }
  }
  abandoned_ = !bus_.close().empty();
  report_losses(true);
  return !*failed_;
}

// At once, then at most every ten seconds: a reader that stands still loses one window after the other.
void ReportOutput::report_losses(bool last) {
  for (const auto& loss : bus_.take_losses()) {
    if (lost_) {
      lost_(loss.subscriber, loss.items);
    }
    const auto known = std::find_if(losses_.begin(), losses_.end(),
                                    [&](const auto& other) { return other.subscriber == loss.subscriber; });
    if (known == losses_.end()) {
      losses_.push_back(loss);
    } else {
      known->items += loss.items;
    }
  }
  const auto now = std::chrono::steady_clock::now();
  if ((losses_.empty() && *sessions_left_out_ == 0) || (!last && now < next_loss_report_)) {
    return;
  }
  if (const std::uint64_t sessions = sessions_left_out_->exchange(0); sessions != 0) {
    *failed_ = true;
    messages_.error("seed-csv: " + std::to_string(sessions) + " sessions have no file: dump_ddos/ holds as many as " +
                    "--seed-csv-files allows (" + std::to_string(seed_csv_files_) + ")");
  }
  for (const auto& loss : losses_) {
    if (loss.subscriber == kTextSubscriber) {
      messages_.warning("standard output does not keep up: " + plural(loss.items) + " not shown");
    } else {
      *failed_ = true;
      *windows_lost_ += loss.items;
      messages_.error(loss.subscriber + " do not keep up: " + plural(loss.items) + " not written");
    }
  }
  losses_.clear();
  next_loss_report_ = now + kBetweenLossReports;
}

}  // namespace nicsentry
