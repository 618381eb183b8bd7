// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/analysis/latency.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"
#include "host/sessions/session_registry.h"

namespace nicsentry {

// A connection, for a listing.
struct ConnectionRow {
  SessionKey key;
  Direction originator = Direction::from_lower;  // who sent first
  std::string state;                             // see connection_state()
  std::array<std::uint32_t, 2> states{};         // STATE_* of the next packet, by Direction
  TimestampNs last_ns = 0;                       // last packet seen
};

// What a run and a replay share: the attachments and the sessions on them, from one swap to the next. The caller reads
// the events, knows the time, and waits for quiescence. Not for several threads at once.
class Monitor {
 public:
  Monitor(Profile profile, std::uint64_t cap);

  Attachment& add_attachment(std::unique_ptr<Attachment> attachment);
  std::vector<std::unique_ptr<Attachment>>& attachments() { return attachments_; }
  const std::vector<std::unique_ptr<Attachment>>& attachments() const { return attachments_; }
  // An attachment that cannot be reached any more, or is to be left out from the next window on.
  struct Failure {
    std::string attachment;
    std::string reason;
  };
  // Leaves an attachment out after the open window's report.
  void end_attachment(const Attachment& attachment, const std::string& reason);
  // What failed since the last call. An attachment that fails is left out; the others go on.
  std::vector<Failure> take_failures() { return std::exchange(failures_, {}); }

  // Events of the attachment that saw `epoch` are worked into the open window; those of a later epoch are moved to
  // `later`. Events of an earlier one came after their window's report and stay lost.
  void process(Attachment& attachment, const EventBatch& batch, std::uint32_t epoch, EventBatch* later);

  // Looks at the counters of sessions that send no more events, so that their last packet's time is known to a tick.
  void tick(TimestampNs now_ns);

  // Turns every attachment to its next half. Afterwards the caller waits until no packet is under way in the old one
  // and has process()ed the old epoch's events, then calls collect().
  void flip();
  std::uint32_t closing_epoch() const { return epoch_ - 1; }
  std::uint32_t open_epoch() const { return epoch_; }
  WindowReport collect(std::uint64_t number, TimestampNs start_ns, TimestampNs end_ns);

  std::uint64_t sessions_ever() const { return registry_.ever(); }

  // Whether the states of connections are in the attachments' slots, for rules that ask for them. To be on before such
  // rules are in force: it writes all states, then every change at once. Off at first; what was written when it is
  // turned off stays.
  void track_connections(bool on);
  bool tracks_connections() const { return tracking_; }
  // All of which a packet passed, in order of their first packets.
  std::vector<ConnectionRow> connections() const;
  // From the first packet of a connection, by the kernel's stamp, until its states were in force on every attachment;
  // of those that began while states were written.
  const LatencyHistogram& state_latency() const { return state_latency_; }
  // Of those that began, how many had to wait for a place in a table until a later window.
  std::uint64_t states_that_waited() const { return states_that_waited_; }

 private:
  template <typename Act>
  void attempt(Attachment& attachment, Act act);
  void drop_ended_attachments();
  void tick(Attachment& attachment, TimestampNs now_ns);
  void close(Attachment& attachment, TimestampNs start_ns, TimestampNs end_ns);
  void open(Attachment& attachment, std::uint64_t window, SessionTable::RestMark rested);
  void process_unknown(Attachment& attachment, const EventBatch& batch, const EventBatch::Event& event,
                       const ParsedPacket& packet);
  void process_known(Attachment& attachment, const EventBatch& batch, const EventBatch::Event& event,
                     const ParsedPacket& packet);
  void note(Session& session, const EventBatch& batch, const EventBatch::Event& event, const ParsedPacket& packet);
  std::uint32_t inherited_states(const SessionKey& key) const;
  bool inherit(Session& session, const ConnectionPacket& packet);
  std::uint32_t states_of(const Session& session) const;
  void write_states(Session& session);
  void write_states(Attachment& attachment, Session& session);
  void forget_ended(std::uint64_t window, TimestampNs now_ns);
  void flush();
  void measure_states();
  bool waits_for_place(const Session& session) const;
  void capture(Session& session, const EventBatch::Event& event, const ParsedPacket& packet);
  void read_sessions(Attachment& attachment, TimestampNs start_ns, TimestampNs end_ns);
  void make_room(Attachment& attachment, std::uint64_t window);
  void change_spent_keys(Attachment& attachment);

  SessionRegistry registry_;
  std::vector<std::unique_ptr<Attachment>> attachments_;
  std::vector<Failure> failures_;
  std::uint32_t epoch_ = 1;

  bool tracking_ = false;
  struct Begun {
    const Session* session;
    TimestampNs first_ns;
  };
  std::vector<Begun> begun_;  // connections whose first states are not flushed yet
  LatencyHistogram state_latency_;
  std::uint64_t states_that_waited_ = 0;

  std::vector<bool> used_;  // by counter id; kept for its memory
  std::vector<session_counters> readings_;
  std::vector<SessionTable::RestMark> rest_marks_;  // by attachment, at the last flip
};

}  // namespace nicsentry
