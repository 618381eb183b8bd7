// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/replay.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "host/analysis/monitor.h"
#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/capture/duplicates.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "host/packet/ip_header.h"
#include "host/packet/parser.h"
#include "host/ports/program_choice.h"

namespace nicsentry {
namespace {

constexpr std::uint64_t kFramesBetweenProgress = 4096;

std::string capture_names(const std::vector<std::filesystem::path>& captures) {
  std::string names;
  for (const auto& capture : captures) {
    names += (names.empty() ? "" : "+") + capture_name(capture);
  }
  return names;
}

Program load_program(const ReplayOptions& options) {
  return Program::load({.object = find_object(program_for(options.profile), Target::xdp),
                        .size = {options.sessions, bucket_bits_for(options.sessions)}});
}

TimestampNs later(TimestampNs time, std::chrono::nanoseconds by) {
  TimestampNs sum = 0;
  return __builtin_add_overflow(time, by.count(), &sum) ? std::numeric_limits<TimestampNs>::max() : sum;
}

class Replay {
 public:
  Replay(const ReplayOptions& options, const std::function<void(WindowReport)>& on_window)
      : options_(options),
        on_window_(on_window),
        monitor_(options.profile, options.cap, wall_clock_ns, options.vlans),
        program_(load_program(options)),
        test_run_(program_),
        attachment_(monitor_.add_attachment(
            Attachment::fresh({capture_names(options.captures), "xdp", "replay"}, std::move(program_),
                              {options.sessions, fixed_keys(), test_run_.cpu(), options.vlans}))) {}

  void take(const CapturedFrame& frame) {
    advance_clock(frame.timestamp_ns);
    const TimestampNs time = std::max(frame.timestamp_ns, window_start_);
    run(frame);
    batch_.clear();
    attachment_.reader().drain(batch_);
    if (batch_.events().empty()) {
      note_without_event(time);
    } else {
      stamp_events(time);
      monitor_.process(attachment_, stamped_);
    }
    ++packets_in_window_;
    ++summary_.packets;
  }

  ReplaySummary finish() {
    if (packets_in_window_ != 0) {
      end_window();
    }
    throw_failures();
    summary_.sessions = monitor_.sessions_ever();
    summary_.features_left_out = monitor_.take_features_left_out();
    return summary_;
  }

 private:
  void advance_clock(TimestampNs time) {
    if (!started_) {
      started_ = true;
      window_start_ = time;
    }
    now_ = std::max(now_, time);
    if (now_ < window_end()) {
      return;
    }
    if (packets_in_window_ != 0) {
      end_window();
    }
    const auto passed = (now_ - window_start_) / options_.window.count();
    window_start_ += passed * options_.window.count();
    window_number_ += static_cast<std::uint64_t>(passed);
  }

  TimestampNs window_end() const { return later(window_start_, options_.window); }

  // Between two frames no packet is under way: a swap needs no waiting.
  void end_window() {
    const TimestampNs end = options_.window == kWholeCapture ? now_ + 1 : window_end();
    WindowReport report = monitor_.flip(window_number_, window_start_).collect(end);
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

  void run(const CapturedFrame& frame) {
    prepare_frame(frame, options_.cut_frames, frame_);
    uncaptured_.missing_frame += frame_.missing_frame;
    uncaptured_.cut += frame_.cut ? 1 : 0;
    if (frame_.bytes.size() < TestRun::kShortestFrame) {  // too short for Ethernet, and for the kernel to run
      ++uncaptured_.too_short;
      return;
    }
    if (frame_.partial != partial_) {
      attachment_.set_partial_frames(frame_.partial);
      partial_ = frame_.partial;
    }
    test_run_.run(frame_.bytes);
  }

  // A session above the cap: its counters say whether the program counted the packet on it.
  void note_without_event(TimestampNs time) {
    const auto packet = parse_packet(frame_.bytes);
    if (packet && monitor_.process_unreported(attachment_, *packet, time)) {
      monitor_.add_bytes(attachment_, *packet, frame_.missing_payload);
    }
  }

  void stamp_events(TimestampNs time) {
    stamped_.clear();
    for (const EventBatch::Event& event : batch_.events()) {
      event_header header = event.header;
      header.bytes += frame_.missing_payload;
      if (header.counter == EVENT_UNKNOWN) {
        uncaptured_.unknown_payload += frame_.missing_payload;
      } else if (const auto packet = parse_packet(batch_.packet(event)); packet && frame_.missing_payload != 0) {
        monitor_.add_bytes(attachment_, *packet, frame_.missing_payload);
      }
      stamped_.append(time, header, batch_.packet(event));
    }
  }

  // Packets that the program did not see: frames shorter than Ethernet's header, bytes that the capture left out of
  // frames that count as truncated, and lengths that a header cannot say.
  void add_uncaptured(Accounting& accounting) {
    accounting.not_understood[CAUSE_TRUNCATED].packets += uncaptured_.too_short;
    accounting.not_understood[CAUSE_TRUNCATED].bytes += uncaptured_.missing_frame;
    accounting.unknown.bytes += uncaptured_.unknown_payload;
    accounting.cut_frames = options_.cut_frames == CutFrames::truncated ? uncaptured_.cut : 0;
    uncaptured_ = {};
  }

  struct Uncaptured {
    std::uint64_t too_short = 0;
    std::uint64_t missing_frame = 0;
    std::uint64_t unknown_payload = 0;
    std::uint64_t cut = 0;
  };

  const ReplayOptions& options_;
  const std::function<void(WindowReport)>& on_window_;
  Monitor monitor_;
  Program program_;
  TestRun test_run_;
  Attachment& attachment_;
  EventBatch batch_;
  EventBatch stamped_;
  ReplayFrame frame_;
  ReplaySummary summary_;
  Uncaptured uncaptured_;
  bool started_ = false;
  bool partial_ = false;
  TimestampNs now_ = 0;
  TimestampNs window_start_ = 0;
  std::uint64_t window_number_ = 0;
  std::uint64_t packets_in_window_ = 0;
};

}  // namespace

ReplaySummary replay(const ReplayOptions& options, const std::function<void(WindowReport)>& on_window,
                     const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  CaptureMerge captures(options.captures, Tunnels::stepped_over);
  Replay replay(options, on_window);
  CapturedFrame frame;
  std::uint64_t frames = 0;
  Duplicates duplicates;
  std::uint64_t copies = 0;
  while (captures.next(frame)) {
    if (options.copies == Copies::left_out && duplicates.seen_before(frame.timestamp_ns, frame.bytes)) {
      ++copies;
    } else {
      replay.take(frame);
    }
    if (++frames % kFramesBetweenProgress == 0) {
      on_progress(captures.bytes_read(), captures.bytes_in_all());
    }
  }
  ReplaySummary summary = replay.finish();
  summary.copies = copies;
  summary.out_of_order = captures.out_of_order();
  summary.failures = captures.failures();
  return summary;
}

}  // namespace nicsentry
