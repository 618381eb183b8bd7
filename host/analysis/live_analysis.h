// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/analysis/monitor.h"
#include "host/analysis/open_window.h"
#include "host/datapath/quiescence.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"
#include "host/run/event_loop.h"

namespace nicsentry {

struct LiveAnalysisOptions {
  Profile profile = Profile::all;
  std::chrono::nanoseconds window{};
  std::uint64_t cap = 100;
  std::chrono::microseconds card_quiescence{};  // how long a packet may be in a card; 0: no program is on one
  Vlans vlans = Vlans::ignored;                 // as the attachments have them
};

// The receivers of a live analysis, called on the loop's thread. None of these may wait.
struct LiveAnalysisOutput {
  // Each window, when it is closed; `closing`: since the switch to the next one.
  std::function<void(WindowReport, std::chrono::nanoseconds closing)> window;
  std::function<void(const Attachment&, const EventBatch&)> events;  // as they were read, by time
  std::function<void(const std::string&)> info;
  std::function<void(const std::string&)> warning;
  std::function<void(const Monitor::Failure&)> failure;  // an attachment that is left out from now on
  std::function<void()> attachments_dropped;             // some of attachments() are gone
};

// Watches attachments on an event loop: reads their events at an adaptive interval, ends windows, looks at counters
// between, and adapts the sampling of unknown sessions to what the host keeps up with. It does no input or output but
// with the programs. A window closes in steps, between which the loop goes on. Of the loop's thread.
class LiveAnalysis {
 public:
  LiveAnalysis(EventLoop& loop, const LiveAnalysisOptions& options, LiveAnalysisOutput output);
  LiveAnalysis(const LiveAnalysis&) = delete;
  LiveAnalysis& operator=(const LiveAnalysis&) = delete;

  // Before start().
  Attachment& add_attachment(std::unique_ptr<Attachment> attachment);
  // Keeps the states of connections in the programs, for rules that ask for them.
  void track_connections(const Lifetimes& lifetimes);
  // See Monitor::take_established(). Before start().
  void take_established(std::span<const EstablishedConnection> connections) { monitor_.take_established(connections); }
  void start();

  // Ends the open window as soon as none is closing, and calls `done` with its number behind its report. A destroyed
  // `done` was not called: the analysis ended first.
  void end_window(std::function<void(std::uint64_t number)> done);
  // Forgets what end_window() was asked for.
  void forget_requests() { requests_.clear(); }

  // Begins to read what the open window has so far, see OpenWindow. False while a window is closing: try again soon.
  bool begin_read_open(TimestampNs read_ns, const CounterReadings& readings);
  // Goes on with it. `live`: gets it, once it is done.
  OpenWindow::State go_on_reading(std::size_t most, LiveSessions& live);
  // What a reading of the attachments beside the windows begins with.
  struct ReadingBegun {
    std::shared_ptr<CounterReader> reader;
    AttachmentName name;
    Attachment::RunningTotals totals;
    std::uint32_t ids = 0;             // that sessions have used
    std::vector<std::uint32_t> muted;  // where the reader reads one by one: ids that send no events
  };
  // One that cannot be read is missing.
  std::vector<ReadingBegun> begin_reading();

  // Leaves an attachment out from the next window on, which begins now.
  void end_attachment(const Attachment& attachment, const std::string& reason);
  // Programs that stay on their port are left as they were before anybody drove them.
  void stop_attachments();

  Monitor& monitor() { return monitor_; }
  const Monitor& monitor() const { return monitor_; }

 private:
  using Clock = EventLoop::Clock;
  using Requests = std::vector<std::function<void(std::uint64_t number)>>;

  void read_events();
  void charge(std::span<const Monitor::Arrived> arrived, std::chrono::nanoseconds time);
  Clock::time_point poll(Clock::time_point now);
  Clock::time_point tick(Clock::time_point now);
  Clock::time_point adapt(Clock::time_point now);
  void set_sampling_rate(Attachment& attachment, std::uint32_t rate);
  void end_quiescence();
  void begin_closing();
  void finish_closing();
  void forget_dropped_attachments();
  void report_failures();

  EventLoop& loop_;
  const LiveAnalysisOptions options_;
  const LiveAnalysisOutput output_;
  Monitor monitor_;
  Quiescence quiescence_;

  // A window that closes: the packets under way are waited for, then its counters are read.
  struct Closing {
    WindowCloser closer;
    TimestampNs end_ns = 0;
    Requests requests;
    Clock::time_point began{};
  };
  std::optional<Closing> closing_;
  std::optional<OpenWindow> open_reading_;
  bool resting_ = false;  // a rest within the window is waited for, see Monitor::begin_rest()
  Requests requests_;     // for the next window that closes

  struct Source {
    int poll_fd = -1;
    EventBatch batch;                       // of the last look; kept for its memory
    bool lost = false;                      // a ring was full since the sampling rate was looked at
    std::chrono::nanoseconds event_time{};  // of this thread's processor time, since then
  };
  std::map<const Attachment*, Source> sources_;
  TimestampNs window_start_ns_ = 0;
  std::uint64_t window_number_ = 0;
  std::chrono::nanoseconds longest_poll_;
  std::chrono::nanoseconds poll_;
  std::chrono::nanoseconds tick_;
  Clock::time_point last_adaptation_;
  Clock::time_point window_due_;
  EventLoop::TimerId poll_timer_ = 0;
  EventLoop::TimerId window_timer_ = 0;
};

}  // namespace nicsentry
