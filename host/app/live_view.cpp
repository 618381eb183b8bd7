// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/live_view.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/base/wall_clock.h"

namespace nicsentry {
namespace {

using namespace std::chrono_literals;

constexpr auto kStep = 1s;
constexpr auto kFresh = 1100ms;  // a reading is shared for so long: until behind the next step
constexpr auto kWatched = 5s;    // so long after a question each step prepares the next answer
constexpr auto kLimit = 5s;      // for an answer
constexpr auto kWhileClosing = 2ms;
constexpr std::size_t kAtOnce = 1024;  // sessions that the loop looks at without doing anything else: about 1 ms
// On a card each counter is a message: all attachments together take a tenth of the time.
constexpr std::chrono::nanoseconds kReading = kStep / 10;
constexpr std::size_t kHistoriesMost = 256;  // attachments; each has at most 3,600 samples

}  // namespace

LiveView::LiveView(PostedCalls& calls, LiveAnalysis& analysis, std::uint64_t first_window)
    : calls_(calls), analysis_(analysis), first_window_(first_window) {}

void LiveView::start() {
  thread_ = std::thread([this] { serve(); });
}

LiveView::~LiveView() { close(); }

void LiveView::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::shared_ptr<const LiveSessions> LiveView::sessions() {
  std::unique_lock lock(mutex_);
  asked_ = Clock::now();
  if (sessions_ != nullptr && asked_ - taken_ < kFresh) {
    return sessions_;
  }
  if (wanted_ == answered_) {
    ++wanted_;
  }
  const std::uint64_t mine = wanted_;
  changed_.notify_all();
  if (!changed_.wait_for(lock, kLimit, [&] { return closing_ || answered_ >= mine; })) {
    throw Unavailable("the run did not read its open window within " + std::to_string(kLimit / 1s) + " s");
  }
  if (answered_ < mine) {
    throw Unavailable("the run has ended");
  }
  if (!trouble_.empty()) {
    throw Unavailable(trouble_);
  }
  return sessions_;
}

std::vector<AttachmentTraffic> LiveView::traffic(TimestampNs since_ns) const {
  const std::lock_guard lock(mutex_);
  std::vector<AttachmentTraffic> all;
  all.reserve(histories_.size());
  for (const TrafficHistory& history : histories_) {
    all.push_back(history.traffic(since_ns));
  }
  return all;
}

void LiveView::serve() {
  Clock::time_point next = Clock::now();
  std::unique_lock lock(mutex_);
  while (!closing_) {
    changed_.wait_until(lock, next, [this] { return closing_ || wanted_ != answered_; });
    if (closing_) {
      return;
    }
    const bool step = Clock::now() >= next;
    if (step) {
      next = std::max(next + kStep, Clock::now());
    }
    lock.unlock();
    look(step);
    lock.lock();
  }
}

void LiveView::look(bool step) {
  std::uint64_t answers = 0;
  {
    const std::lock_guard lock(mutex_);
    answers = wanted_;
  }
  std::string trouble;
  try {
    read(step);
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  {
    const std::lock_guard lock(mutex_);
    answered_ = answers;
    trouble_ = std::move(trouble);
  }
  changed_.notify_all();
}

void LiveView::read(bool step) {
  const auto begun = calls_.call([this] { return analysis_.begin_reading(); }, kLimit);
  const TimestampNs read_ns = wall_clock_ns();
  for (const auto& each : begun) {
    each.reader->read({each.ids, read_ns, step, each.muted}, kReading / static_cast<std::int64_t>(begun.size()));
  }
  if (step) {
    sample(begun, read_ns);
  }
  {
    const std::lock_guard lock(mutex_);
    if (wanted_ == answered_ && Clock::now() - asked_ > kWatched) {
      sessions_ = nullptr;  // nobody watches
      return;
    }
  }
  CounterReadings readings;
  for (const auto& each : begun) {
    readings[each.reader.get()] = std::make_shared<const CounterReading>(each.reader->reading());
  }
  auto live = open_window(read_ns, readings);
  const std::lock_guard lock(mutex_);
  sessions_ = std::move(live);
  taken_ = Clock::now();
}

std::shared_ptr<const LiveSessions> LiveView::open_window(TimestampNs read_ns, const CounterReadings& readings) {
  const Clock::time_point end = Clock::now() + kLimit;
  while (Clock::now() < end) {
    if (!calls_.call([this, read_ns, readings] { return analysis_.begin_read_open(read_ns, readings); }, kLimit)) {
      std::this_thread::sleep_for(kWhileClosing);
      continue;
    }
    const auto live = std::make_shared<LiveSessions>();
    auto state = OpenWindow::State::reading;
    while (state == OpenWindow::State::reading) {
      state = calls_.call([this, live] { return analysis_.go_on_reading(kAtOnce, *live); }, kLimit);
    }
    if (state == OpenWindow::State::ended) {
      continue;
    }
    live->window.number += first_window_;
    TimestampNs since_ns = 0;
    for (const auto& [reader, reading] : readings) {
      for (const CounterReading::Sum& before : reading->before) {
        since_ns = std::max(since_ns, before.read_ns);
      }
    }
    finish(*live, since_ns != 0 ? since_ns : live->window.start_ns);
    return live;
  }
  throw Unavailable("no window stays open long enough to be read: each is shorter than reading it takes");
}

void LiveView::sample(const std::vector<LiveAnalysis::ReadingBegun>& begun, TimestampNs now_ns) {
  const std::lock_guard lock(mutex_);
  for (const auto& each : begun) {
    const AttachmentName& name = each.name;
    auto found = std::find_if(histories_.begin(), histories_.end(), [&name](const TrafficHistory& history) {
      return history.is_of(name.interface, name.hook, name.mode);
    });
    if (found == histories_.end()) {
      if (histories_.size() == kHistoriesMost) {
        continue;
      }
      found = histories_.emplace(found, name.interface, name.hook, name.mode);
    }
    if (auto& known = readers_[name.text() + " " + name.mode]; known.lock() != each.reader) {
      known = each.reader;
      found->begin_anew();
    }
    const CounterReading::Sum on_sessions = each.reader->total();
    const auto& totals = each.totals;
    const auto counted = [](std::uint64_t sum, std::uint64_t before) { return sum - std::min(sum, before); };
    found->add(now_ns,
               {{totals.in.packets + counted(on_sessions.packets, totals.counters_before.packets),
                 totals.in.bytes + counted(on_sessions.bytes, totals.counters_before.bytes)},
                totals.dropped,
                totals.lost_events,
                totals.sessions_new},
               each.reader->moved());
  }
}

}  // namespace nicsentry
