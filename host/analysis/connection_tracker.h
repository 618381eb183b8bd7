// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "host/analysis/attachment_list.h"
#include "host/analysis/connections_snapshot.h"
#include "host/analysis/packet_record.h"
#include "host/analysis/room_policy.h"
#include "host/base/timestamp.h"
#include "host/sessions/adopted_states.h"
#include "host/sessions/lifetimes.h"
#include "host/sessions/session_registry.h"

namespace nicsentry {

// Follows connections by the packets of their sessions, and tells the programs nothing: for a run without a firewall.
// ConnectionTracker can take its place at any time, since what was seen is in the sessions.
class ConnectionObserver {
 public:
  explicit ConnectionObserver(SessionRegistry& registry) : registry_(registry) {}
  virtual ~ConnectionObserver() = default;
  ConnectionObserver(const ConnectionObserver&) = delete;
  ConnectionObserver& operator=(const ConnectionObserver&) = delete;

  virtual bool writes_states() const { return false; }

  // Works a packet of the session into its connection.
  virtual void note(Session& session, const PacketRecord& record);
  // The states that a session's slot on an attachment must have.
  virtual std::uint32_t slot_states(const Attachment& /*attachment*/, const Session& /*session*/) const { return 0; }
  // Reports that an attachment gave the session counters.
  virtual void learned(Session& /*session*/) {}

  // Whether a record of a new session may take counters of an attachment.
  virtual bool may_take(const Attachment& /*attachment*/, const PacketRecord& /*record*/) const { return true; }
  // Whether the session needs events beyond the cap, since its next packet will change its state.
  virtual bool awaits_answer(const Session& /*session*/) const { return false; }
  // The reason why the session keeps its counters.
  virtual Hold hold(const Session& /*session*/) const { return Hold::nothing; }
  // Evicts sessions from attachments of which the counters are scarce, for new ones.
  virtual void make_room(TimestampNs /*now_ns*/) {}

  // An attachment was added: its slots get the states of all connections.
  virtual void add(Attachment& /*attachment*/) {}
  // Forgets connections whose lifetime is over. Looks at all of them within a second. Not while a window is closing.
  virtual void tick(TimestampNs /*now_ns*/) {}
  // Everything that was asked for is in the programs' maps.
  virtual void flushed(TimestampNs /*now_ns*/) {}
  // Events between two flushes: a state must not wait for a long batch's end.
  virtual std::size_t events_per_flush() const { return std::numeric_limits<std::size_t>::max(); }

  virtual StateLatency state_latency() const { return {}; }
  ConnectionsSnapshot snapshot() const;
  ConnectionCounts counts() const;

 protected:
  // True when a state changed.
  bool observe(Session& session, const PacketRecord& record);
  // Bytes by now of packets whose sequence numbers were not taken.
  virtual TcpSequence::UnseenBytes count_unseen(Session& session) const { return session.unseen; }
  SessionRegistry& registry() { return registry_; }
  const SessionRegistry& registry() const { return registry_; }

 private:
  SessionRegistry& registry_;
};

// Keeps the states of connections in the slots of all attachments, for rules that ask for them. States are pending
// updates of the attachments until the next flush.
class ConnectionTracker final : public ConnectionObserver {
 public:
  // Writes the states of all connections that were seen, on all attachments. Takes what adopted programs knew.
  ConnectionTracker(SessionRegistry& registry, AttachmentList& attachments, const Lifetimes& lifetimes,
                    TimestampNs now_ns);

  bool writes_states() const override { return true; }
  void note(Session& session, const PacketRecord& record) override;
  std::uint32_t slot_states(const Attachment& attachment, const Session& session) const override;
  void learned(Session& session) override { write_states(session); }
  bool may_take(const Attachment& attachment, const PacketRecord& record) const override;
  bool awaits_answer(const Session& session) const override;
  Hold hold(const Session& session) const override;
  void make_room(TimestampNs now_ns) override;
  void add(Attachment& attachment) override;
  void tick(TimestampNs now_ns) override;
  void flushed(TimestampNs now_ns) override;
  std::size_t events_per_flush() const override;
  TcpSequence::UnseenBytes count_unseen(Session& session) const override;
  StateLatency state_latency() const override { return state_latency_; }

 private:
  void make_room(Attachment& attachment, TimestampNs now_ns);
  bool is_over(Session& session, TimestampNs now_ns);
  void forget(Session& session);
  void look_at_counters(Attachment& attachment, Session& session, TimestampNs now_ns);
  std::uint32_t adopted_states(const SessionKey& key) const;
  bool adopt(Session& session, const ConnectionPacket& packet);
  void write_states(Session& session);
  void write_states(Attachment& attachment, Session& session) const;
  bool waits_for_place(const Session& session) const;

  AttachmentList& attachments_;
  Lifetimes lifetimes_;
  TimestampNs ticked_ns_;
  std::vector<AdoptedStates> adopted_;  // of each adopted program
  // When the next look for room is worth its time, where the last one did not find enough.
  std::map<const Attachment*, TimestampNs> next_look_ns_;
  struct Begun {
    const Session* session;
    TimestampNs first_ns;
  };
  std::vector<Begun> begun_;  // connections whose first states are not flushed yet
  StateLatency state_latency_;
};

}  // namespace nicsentry
