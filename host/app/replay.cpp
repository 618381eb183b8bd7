// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/replay.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "host/analysis/monitor.h"
#include "host/analysis/tick_interval.h"
#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/capture/capture_merge.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "host/packet/parser.h"
#include "host/ports/program_choice.h"

namespace nicsentry {
namespace {

constexpr std::uint64_t kFramesBetweenProgress = 4096;

std::string capture_names(const std::vector<std::filesystem::path>& captures) {
  std::string names;
  for (const auto& capture : captures) {
    names += (names.empty() ? "" : "+") + capture.filename().string();
  }
  return names;
}

Program load_program(const ReplayOptions& options) {
  return Program::load({.object = find_object(program_for(options.profile), Target::xdp),
                        .size = {options.sessions, bucket_bits_for(options.sessions)}});
}

class Replay {
 public:
  Replay(const ReplayOptions& options, const std::function<void(WindowReport)>& on_window)
      : options_(options),
        on_window_(on_window),
        monitor_(options.profile, options.cap, wall_clock_ns),
        program_(load_program(options)),
        test_run_(program_),
        attachment_(monitor_.add_attachment(Attachment::fresh({capture_names(options.captures), "xdp", "replay"},
                                                              std::move(program_),
                                                              {options.sessions, fixed_keys(), test_run_.cpu()}))),
        tick_(tick_interval(options.window)) {}

  void take(const CapturedFrame& frame) {
    advance_clock(frame.timestamp_ns);
    run(frame);
    batch_.clear();
    attachment_.reader().drain(batch_);
    stamp_events(frame.timestamp_ns);
    monitor_.process(attachment_, stamped_);
    ++packets_in_window_;
    ++summary_.packets;
  }

  ReplaySummary finish() {
    if (packets_in_window_ != 0) {
      end_window();
    }
    throw_failures();
    summary_.sessions = monitor_.sessions_ever();
    return summary_;
  }

 private:
  void advance_clock(TimestampNs time) {
    if (!started_) {
      started_ = true;
      window_start_ = time;
      next_tick_ = time + tick_.count();
    }
    now_ = std::max(now_, time);
    if (now_ >= next_tick_ && now_ < window_end()) {
      monitor_.tick(next_tick_);
      next_tick_ += ((now_ - next_tick_) / tick_.count() + 1) * tick_.count();
    }
    if (now_ < window_end()) {
      return;
    }
    if (packets_in_window_ != 0) {
      end_window();
    }
    const auto passed = (now_ - window_start_) / options_.window.count();
    window_start_ += passed * options_.window.count();
    window_number_ += static_cast<std::uint64_t>(passed);
    next_tick_ = window_start_ + tick_.count() * ((now_ - window_start_) / tick_.count() + 1);
  }

  TimestampNs window_end() const { return window_start_ + options_.window.count(); }

  // Between two frames no packet is under way: a swap needs no waiting.
  void end_window() {
    WindowReport report = monitor_.flip(window_number_, window_start_).collect(window_end());
    throw_failures();
    add_uncaptured(report.attachments.at(0));
    on_window_(std::move(report));
    ++summary_.windows;
    packets_in_window_ = 0;
  }

  void throw_failures() {
    for (const auto& failure : monitor_.take_failures()) {
      throw Error(failure.reason);
    }
  }

  // The program gets the frame as it was on the wire: what the capture's snap length cut off is payload, and is filled
  // with zeros. A frame that was cut within its headers goes as it is, and counts as truncated.
  void run(const CapturedFrame& frame) {
    const bool headers_whole = header_reach(frame.bytes) <= frame.bytes.size();
    frame_.assign(frame.bytes.begin(), frame.bytes.end());
    if (headers_whole) {
      frame_.resize(frame.wire_bytes);
    } else {
      uncaptured_bytes_ += frame.wire_bytes - frame.bytes.size();
    }
    if (frame_.size() < TestRun::kShortestFrame) {  // too short for Ethernet, and for the kernel to run
      ++too_short_;
      return;
    }
    run_whole();
  }

  // Of a frame longer than a page the program sees the first part only, and cannot hold the IP length against the rest.
  void run_whole() {
    const bool partial = frame_.size() > TestRun::kLongestLinear && holds_its_ip_length();
    if (partial != partial_) {
      attachment_.set_partial_frames(partial);
      partial_ = partial;
    }
    frame_.resize(std::min(frame_.size(), TestRun::kLongestLinear));
    test_run_.run(frame_);
  }

  bool holds_its_ip_length() const {
    const auto packet = parse_packet(frame_);
    return packet && packet->ip_offset + packet->features.bytes <= frame_.size();
  }

  void stamp_events(TimestampNs time) {
    stamped_.clear();
    for (const EventBatch::Event& event : batch_.events()) {
      stamped_.append(time, event.header, batch_.packet(event));
    }
  }

  // What the program could not be shown: frames shorter than Ethernet's header, and bytes that the capture left out of
  // frames that count as truncated.
  void add_uncaptured(Accounting& accounting) {
    accounting.not_understood[CAUSE_TRUNCATED].packets += too_short_;
    accounting.not_understood[CAUSE_TRUNCATED].bytes += uncaptured_bytes_;
    too_short_ = 0;
    uncaptured_bytes_ = 0;
  }

  const ReplayOptions& options_;
  const std::function<void(WindowReport)>& on_window_;
  Monitor monitor_;
  Program program_;
  TestRun test_run_;
  Attachment& attachment_;
  std::chrono::nanoseconds tick_;
  EventBatch batch_;
  EventBatch stamped_;
  std::vector<std::uint8_t> frame_;
  ReplaySummary summary_;
  bool started_ = false;
  bool partial_ = false;
  TimestampNs now_ = 0;
  TimestampNs window_start_ = 0;
  TimestampNs next_tick_ = 0;
  std::uint64_t window_number_ = 0;
  std::uint64_t packets_in_window_ = 0;
  std::uint64_t too_short_ = 0;
  std::uint64_t uncaptured_bytes_ = 0;
};

}  // namespace

ReplaySummary replay(const ReplayOptions& options, const std::function<void(WindowReport)>& on_window,
                     const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  CaptureMerge captures(options.captures);
  Replay replay(options, on_window);
  CapturedFrame frame;
  std::uint64_t frames = 0;
  while (captures.next(frame)) {
    replay.take(frame);
    if (++frames % kFramesBetweenProgress == 0) {
      on_progress(captures.bytes_read(), captures.bytes_in_all());
    }
  }
  ReplaySummary summary = replay.finish();
  summary.damages = captures.damages();
  return summary;
}

}  // namespace nicsentry
