// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/analysis/attachment_list.h"
#include "host/analysis/connection_tracker.h"
#include "host/analysis/connections_snapshot.h"
#include "host/analysis/counter_scan.h"
#include "host/analysis/packet_recorder.h"
#include "host/analysis/session_learner.h"
#include "host/analysis/turn_scan.h"
#include "host/analysis/window_closer.h"
#include "host/report/profile.h"
#include "host/sessions/lifetimes.h"
#include "host/sessions/session_registry.h"

namespace nicsentry {

// Returns nanoseconds since 1970-01-01 UTC by CLOCK_REALTIME, the clock of the packets' stamps.
using WallClock = std::function<TimestampNs()>;

// A TCP connection that was established before anybody watched.
struct EstablishedConnection {
  SessionKey key;
  Direction from_server = Direction::from_lower;
};

// The analysis of all attachments of a run or a replay, window after window. The caller reads the events, decides when
// windows end, and waits for quiescence. Not for several threads at once.
class Monitor {
 public:
  // `cap`: how many packets of a session a window captures; 0: all. `clock`: measures how soon states are in force.
  // `vlans`: as its attachments have them (Attachment::Options).
  Monitor(Profile profile, std::uint64_t cap, WallClock clock, Vlans vlans = Vlans::ignored);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Its packets count from the open window on. While a window is closing, that is the next one.
  Attachment& add_attachment(std::unique_ptr<Attachment> attachment);
  const std::vector<std::unique_ptr<Attachment>>& attachments() const { return attachments_.all(); }
  using Failure = AttachmentList::Failure;
  // Leaves an attachment out after the report of the open window, or of the one that is closing.
  void end_attachment(const Attachment& attachment, const std::string& reason);
  // Returns what failed since the last call. An attachment that fails is left out; the others go on.
  std::vector<Failure> take_failures() { return attachments_.take_failures(); }

  // Events that arrived from one attachment, oldest first.
  struct Arrived {
    Attachment* attachment = nullptr;
    const EventBatch* batch = nullptr;
  };
  // Follows connections by events in the order of their time stamps, and counts the events in the window that they
  // belong to. While a window is closing, events of the next one wait until collect() to be counted. Events of a window
  // that was collected already are lost; the accounting shows how many.
  void process(std::span<const Arrived> arrived);
  void process(Attachment& attachment, const EventBatch& batch);

  // For replays. A packet for which the program sent no event, since its session is above the cap: if the counters of
  // its session show it, it is noted there with its exact time. Returns whether they do. All events that arrived before
  // it must have been processed.
  bool process_unreported(Attachment& attachment, const ParsedPacket& packet, TimestampNs time_ns);
  // For replays. Adds bytes of a packet that the program could not count to those of its known session.
  void add_bytes(Attachment& attachment, const ParsedPacket& packet, std::uint64_t bytes);

  // Takes connections for established before a packet of them is seen, so that their next ones are ESTABLISHED. While
  // track_connections() is on. As many as leave half of the places of each attachment free.
  void take_established(std::span<const EstablishedConnection> connections);

  // Looks at the counters of sessions that send no more events, so that the time of their last packets is known to a
  // tick. Does nothing while a window is closing: collect() looks at all counters.
  void tick(TimestampNs now_ns);

  // Whether sessions wait for counters, or for slots, that a rest would free: begin_rest() is worth its time.
  bool wants_rest() const;
  // Marks what rests by now. The caller waits for quiescence, hands all events that arrived so far to process(), and
  // calls end_rest(): then what was marked is free for other sessions. Both do nothing while a window is closing, which
  // frees what rests, too.
  void begin_rest();
  void end_rest();

  // Begins to close the open window and opens the next one on every attachment. `number` and `start_ns` are those of
  // the window that closes, for its report. Throws std::logic_error while another window is closing.
  WindowCloser flip(std::uint64_t number, TimestampNs start_ns);
  std::uint32_t open_epoch() const { return epoch_; }
  // How long reading counters at a window's end may take: sessions that are silent for long are read in turn then. Zero
  // at first: all are read in each window.
  void limit_reading(std::chrono::nanoseconds time) { scan_.limit(time); }

  bool closing() const { return closing_; }

  std::uint64_t sessions_ever() const { return registry_.ever(); }
  std::uint64_t take_features_left_out() { return registry_.take_features_left_out(); }

  // Whether the states of connections are in the attachments' slots, for rules that ask for them. Must be on before
  // such rules are in force. Turning it on writes all states; from then on every change is written at once. It is off
  // at first. Turning it off leaves in the slots what was written.
  // `lifetimes`: of connections, while it is on.
  void track_connections(bool on, const Lifetimes& lifetimes = {});
  bool tracks_connections() const { return connections_->writes_states(); }
  ConnectionsSnapshot connections() const { return connections_->snapshot(); }
  ConnectionCounts connection_counts() const { return connections_->counts(); }

 private:
  friend class WindowCloser;
  friend class OpenWindow;

  bool take(Attachment& attachment, const EventBatch& batch, const EventBatch::Event& event);
  Session* follow(Attachment& attachment, const PacketRecord& record);
  void count(Attachment& attachment, Session* session, const PacketRecord& record);
  void begin_anew(Session& session, Attachment& attachment, const ParsedPacket& first, unsigned half,
                  const Amount& counted);
  void process_deferred();
  void flush();
  void end_rest(Attachment& attachment);
  void count_rested(Attachment& attachment, std::uint32_t id);
  bool has_too_many_rows() const;
  void leave_out(Attachment& attachment, Session& session);
  std::uint64_t count_since_last(Attachment& attachment, AttachmentSessions::Entry& entry, unsigned half,
                                 const session_counters& now);

  Session* find_session(const ParsedPacket& packet);

  WallClock clock_;
  Vlans vlans_;
  SessionRegistry registry_;
  AttachmentList attachments_;
  SessionLearner learner_;
  PacketRecorder recorder_;
  std::unique_ptr<ConnectionObserver> connections_;
  CounterScan ticks_;
  TurnScan scan_;
  std::uint32_t epoch_ = 1;  // of the open window
  bool closing_ = false;     // the window of the epoch before waits for its collect()
};

}  // namespace nicsentry
