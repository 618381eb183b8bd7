// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/live_analysis.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include "host/analysis/adaptive_sampling.h"
#include "host/analysis/tick_interval.h"
#include "host/base/error.h"
#include "host/base/wall_clock.h"

namespace nicsentry {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr nanoseconds kShortestPoll = 250us;
constexpr nanoseconds kLongestPoll = 10ms;
constexpr nanoseconds kAdaptationInterval = 100ms;
constexpr int kPartOfWindow = 10;  // that reading counters at its end takes at most, if few sessions had packets

nanoseconds thread_processor_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

}  // namespace

LiveAnalysis::LiveAnalysis(EventLoop& loop, const LiveAnalysisOptions& options, LiveAnalysisOutput output)
    : loop_(loop),
      options_(options),
      output_(std::move(output)),
      monitor_(options.profile, options.cap, wall_clock_ns, options.vlans),
      quiescence_(options.card_quiescence),
      longest_poll_(kLongestPoll),
      poll_(kLongestPoll),
      tick_(tick_interval(options.window)) {
  monitor_.limit_reading(options.window / kPartOfWindow);
  loop_.watch(quiescence_.poll_fd(), [this] {
    if (quiescence_.take_done()) {
      end_quiescence();
    }
  });
}

Attachment& LiveAnalysis::add_attachment(std::unique_ptr<Attachment> attachment) {
  Attachment& added = monitor_.add_attachment(std::move(attachment));
  const int fd = added.reader().poll_fd();
  sources_[&added].poll_fd = fd;
  loop_.watch(fd, [this] { read_events(); });
  return added;
}

void LiveAnalysis::track_connections(const Lifetimes& lifetimes) {
  monitor_.track_connections(true, lifetimes);
  longest_poll_ = kShortestPoll;
}

void LiveAnalysis::start() {
  window_start_ns_ = wall_clock_ns();
  const auto now = Clock::now();
  last_adaptation_ = now;
  poll_timer_ = loop_.add_timer(now, [this](auto when) { return poll(when); });
  loop_.add_timer(now + tick_, [this](auto when) { return tick(when); });
  loop_.add_timer(now + kAdaptationInterval, [this](auto when) { return adapt(when); });
  window_due_ = now + options_.window;
  window_timer_ = loop_.add_timer(window_due_, [this](auto /*when*/) {
    if (!closing_) {
      begin_closing();
    }
    return EventLoop::kNever;  // finish_closing() says when the next one ends
  });
}

void LiveAnalysis::end_window(std::function<void(std::uint64_t number)> done) {
  requests_.push_back(std::move(done));
  if (!closing_) {
    begin_closing();
  }
}

bool LiveAnalysis::begin_read_open(TimestampNs read_ns, const CounterReadings& readings) {
  open_reading_.reset();
  if (!closing_) {
    open_reading_.emplace(monitor_, window_number_, window_start_ns_, read_ns, readings);
  }
  return open_reading_.has_value();
}

OpenWindow::State LiveAnalysis::go_on_reading(std::size_t most, LiveSessions& live) {
  const OpenWindow::State state = open_reading_ ? open_reading_->step(most) : OpenWindow::State::ended;
  if (state == OpenWindow::State::done) {
    live = open_reading_->take();
  }
  if (state != OpenWindow::State::reading) {
    open_reading_.reset();
  }
  return state;
}

std::vector<LiveAnalysis::ReadingBegun> LiveAnalysis::begin_reading() {
  std::vector<ReadingBegun> begun;
  for (const auto& attachment : monitor_.attachments()) {
    if (attachment->ended()) {
      continue;
    }
    try {
      const AttachmentSessions& sessions = attachment->sessions();
      ReadingBegun& reading = begun.emplace_back(ReadingBegun{
          attachment->counter_reader(), attachment->name(), attachment->running_totals(), sessions.ids(), {}});
      for (std::uint32_t id = 0; reading.reader->one_by_one() && id < sessions.ids(); ++id) {
        if (sessions.used(id) && sessions.entry(id).muted) {
          reading.muted.push_back(id);
        }
      }
    } catch (const SystemError&) {
      // Its window says what failed of it.
    }
  }
  return begun;
}

void LiveAnalysis::end_attachment(const Attachment& attachment, const std::string& reason) {
  if (!attachment.ended()) {
    monitor_.end_attachment(attachment, reason);
    window_due_ = Clock::now();
    loop_.reschedule(window_timer_, window_due_);  // or as soon as no window is closing
  }
}

void LiveAnalysis::stop_attachments() {
  for (const auto& attachment : monitor_.attachments()) {
    try {
      attachment->stop();
    } catch (const Error& error) {
      monitor_.end_attachment(*attachment, error.what());
    }
  }
  report_failures();
}

LiveAnalysis::Clock::time_point LiveAnalysis::poll(Clock::time_point /*now*/) {
  read_events();
  report_failures();
  if (!resting_ && monitor_.wants_rest()) {
    monitor_.begin_rest();
    resting_ = true;
    quiescence_.request();
  }
  return Clock::now() + (closing_ ? kShortestPoll : poll_);
}

void LiveAnalysis::read_events() {
  const nanoseconds before = thread_processor_time();
  std::vector<Monitor::Arrived> arrived;
  for (const auto& attachment : monitor_.attachments()) {
    Source& source = sources_[attachment.get()];
    EventBatch& batch = source.batch;
    batch.clear();
    const std::uint64_t lost = attachment->reader().drain(batch);
    attachment->count_lost_events(lost);
    source.lost = lost != 0 || source.lost;
    batch.sort_by_time();
    if (const auto trouble = attachment->reader().take_trouble()) {
      output_.warning(attachment->name().text() + ": " + *trouble +
                      "; it is tried again, events may be lost meanwhile");
    }
    if (!batch.events().empty()) {
      arrived.push_back({attachment.get(), &batch});
      output_.events(*attachment, batch);
    }
  }
  monitor_.process(arrived);
  if (arrived.empty()) {
    poll_ = std::min(poll_ * 2, longest_poll_);
  } else {
    poll_ = std::max(poll_ / 2, kShortestPoll);
    charge(arrived, thread_processor_time() - before);
  }
}

// By the number of their events: those of several attachments are handled together.
void LiveAnalysis::charge(std::span<const Monitor::Arrived> arrived, nanoseconds time) {
  std::size_t events = 0;
  for (const Monitor::Arrived& each : arrived) {
    events += each.batch->events().size();
  }
  for (const Monitor::Arrived& each : arrived) {
    const double part = static_cast<double>(each.batch->events().size()) / static_cast<double>(events);
    sources_[each.attachment].event_time += nanoseconds(std::llround(part * static_cast<double>(time.count())));
  }
}

LiveAnalysis::Clock::time_point LiveAnalysis::tick(Clock::time_point now) {
  monitor_.tick(wall_clock_ns());
  // On a card every look is a message: looking takes no more than a tenth of the time.
  return now + std::max<nanoseconds>(tick_, 10 * (Clock::now() - now));
}

LiveAnalysis::Clock::time_point LiveAnalysis::adapt(Clock::time_point now) {
  const auto passed = static_cast<double>((now - std::exchange(last_adaptation_, now)).count());
  const auto& attachments = monitor_.attachments();
  double all = 0;
  for (const auto& attachment : attachments) {
    all += static_cast<double>(sources_[attachment.get()].event_time.count()) / passed;
  }
  for (const auto& attachment : attachments) {
    Source& source = sources_[attachment.get()];
    const Load load{static_cast<double>(std::exchange(source.event_time, 0ns).count()) / passed,
                    std::exchange(source.lost, false), attachment->sessions().free_ids() == 0, all,
                    static_cast<unsigned>(attachments.size())};
    const std::uint32_t rate = next_sampling_rate(attachment->sampling_rate(), load);
    if (rate != attachment->sampling_rate() && !attachment->ended()) {
      set_sampling_rate(*attachment, rate);
    }
  }
  return now + kAdaptationInterval;
}

void LiveAnalysis::set_sampling_rate(Attachment& attachment, std::uint32_t rate) {
  const bool was_all = attachment.sampling_rate() == CONFIG_SHARE_ALL;
  try {
    attachment.set_sampling_rate(rate);
  } catch (const Error& error) {
    monitor_.end_attachment(attachment, error.what());
    return;
  }
  if (was_all) {
    output_.warning(attachment.name().text() +
                    ": more packets of unknown sessions than the host keeps up with; only a sample of them is taken "
                    "until it does (see left out in the window's accounting)");
  } else if (rate == CONFIG_SHARE_ALL) {
    output_.info(attachment.name().text() + ": all packets of unknown sessions are taken again");
  }
}

void LiveAnalysis::end_quiescence() {
  if (std::exchange(resting_, false)) {
    if (closing_) {
      quiescence_.request();  // that one began before the window was flipped
    } else {
      read_events();  // the last ones of the sessions that rested
      monitor_.end_rest();
      report_failures();
    }
  } else if (closing_) {
    finish_closing();
  }
}

void LiveAnalysis::begin_closing() {
  const auto now = Clock::now();
  window_due_ = requests_.empty() ? std::max(window_due_ + options_.window, now) : now + options_.window;
  const TimestampNs end = wall_clock_ns();
  const TimestampNs start = std::exchange(window_start_ns_, end);
  closing_.emplace(Closing{monitor_.flip(window_number_++, start), end, std::exchange(requests_, {}), now});
  if (!resting_) {
    quiescence_.request();
  }
  loop_.reschedule(poll_timer_, now);
}

void LiveAnalysis::finish_closing() {
  read_events();  // the last ones of the window
  WindowReport report = closing_->closer.collect(closing_->end_ns);
  forget_dropped_attachments();
  const Requests requests = std::move(closing_->requests);
  const nanoseconds closing = Clock::now() - closing_->began;
  closing_.reset();
  output_.attachments_dropped();
  loop_.reschedule(window_timer_, window_due_);
  const std::uint64_t number = report.number;
  if (const std::uint64_t packets = monitor_.take_features_left_out(); packets != 0) {
    output_.warning("a window captured too many packets: the features of " + std::to_string(packets) +
                    " were not kept (a lower --cap, or a shorter --window)");
  }
  output_.window(std::move(report), closing);
  for (const auto& done : requests) {
    done(number);
  }
  report_failures();
  if (!requests_.empty()) {
    begin_closing();
  }
}

void LiveAnalysis::forget_dropped_attachments() {
  const auto& kept = monitor_.attachments();
  std::erase_if(sources_, [&](const auto& source) {
    const bool dropped = std::none_of(kept.begin(), kept.end(),
                                      [&](const auto& attachment) { return attachment.get() == source.first; });
    if (dropped) {
      loop_.unwatch(source.second.poll_fd);
    }
    return dropped;
  });
}

void LiveAnalysis::report_failures() {
  for (const auto& failure : monitor_.take_failures()) {
    output_.failure(failure);
  }
}

}  // namespace nicsentry
