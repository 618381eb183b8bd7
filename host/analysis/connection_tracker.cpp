// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/connection_tracker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "host/analysis/room_policy.h"

namespace nicsentry {
namespace {

constexpr std::size_t kEventsPerFlush = 64;
// A session whose answer is awaited is muted at so many times the cap.
constexpr std::uint64_t kCapsUnanswered = 10;

}  // namespace

void ConnectionObserver::note(Session& session, const PacketRecord& record) { observe(session, record); }

bool ConnectionObserver::observe(Session& session, const PacketRecord& record) {
  bool changed = session.connection.note(record.connection);
  if (record.quoted) {
    const Session* quoted = registry_.find(*record.quoted);
    if (quoted != nullptr && quoted->connection.seen()) {
      changed = session.connection.relate(record.connection.direction) || changed;
    }
  }
  return changed;
}

ConnectionsSnapshot ConnectionObserver::snapshot() const {
  ConnectionsSnapshot snapshot;
  snapshot.rows.reserve(registry_.size());
  std::as_const(registry_).for_each([&snapshot](const Session& session) {
    const Connection& connection = session.connection;
    if (connection.seen()) {
      snapshot.rows.push_back({session.id,
                               session.key,
                               connection.originator(),
                               connection_state(connection),
                               {connection.state(Direction::from_lower), connection.state(Direction::from_higher)},
                               session.last_ns});
    }
  });
  snapshot.state_latency = state_latency();
  return snapshot;
}

ConnectionTracker::ConnectionTracker(SessionRegistry& registry, AttachmentList& attachments)
    : ConnectionObserver(registry), attachments_(attachments) {
  for (const auto& attachment : attachments_) {
    adopted_.push_back(attachment->take_adopted_states());
  }
  registry.for_each([this](Session& session) { write_states(session); });
}

void ConnectionTracker::add(Attachment& attachment) {
  adopted_.push_back(attachment.take_adopted_states());
  attachments_.attempt(attachment, [&] {
    registry().for_each([&](Session& session) { write_states(attachment, session); });
    attachment.flush();
  });
}

void ConnectionTracker::note(Session& session, const PacketRecord& record) {
  const bool unknown = session.connection.slot_states() == 0;
  const bool adopts = unknown && adopt(session, record.connection);
  const bool changed = observe(session, record);
  if (!changed && !adopts) {
    return;
  }
  write_states(session);
  if (unknown && !adopts) {
    begun_.push_back({&session, record.timestamp_ns});
  }
}

// The programs of one run had the same states; any of them will do.
std::uint32_t ConnectionTracker::adopted_states(const SessionKey& key) const {
  for (const AdoptedStates& adopted : adopted_) {
    if (const std::uint32_t states = adopted.find(key); states != 0) {
      return states;
    }
  }
  return 0;
}

// Comes before the packet is noted, also for a dropped one: the program has forgotten the connection, and drops the
// packets that would show that it goes on. A SYN that was dropped changes nothing. A SYN that passed begins a new
// connection and ends the former one.
bool ConnectionTracker::adopt(Session& session, const ConnectionPacket& packet) {
  const std::uint32_t states = adopted_states(session.key);
  const bool begins = is_plain_syn(packet);
  if (states == 0 || (begins && packet.dropped)) {
    return false;
  }
  for (AdoptedStates& adopted : adopted_) {
    adopted.forget(session.key);
  }
  if (begins) {
    return false;
  }
  session.connection.inherit(states, packet.protocol, opposite(session.server.server_direction));
  return true;
}

void ConnectionTracker::write_states(Session& session) {
  for (const auto& attachment : attachments_) {
    if (!attachment->ended()) {
      attachments_.attempt(*attachment, [&] { write_states(*attachment, session); });
    }
  }
}

// An attachment that has not seen the session gets an entry too: the answer, the first packet there, must find the
// state in force.
void ConnectionTracker::write_states(Attachment& attachment, Session& session) {
  const std::uint32_t states = session.connection.slot_states();
  if (const auto id = attachment.sessions().find(session)) {
    attachment.sessions().set_states(*id, states);
  } else if (states != 0 && attachment.sessions().free_ids() != 0) {
    attachment.learn(session, states);
  }
}

// The last counters are for connections. Sessions whose packets the firewall drops do not get them.
bool ConnectionTracker::may_take_last(const PacketRecord& record) const {
  return !record.dropped() || adopted_states(record.key()) != 0;
}

bool ConnectionTracker::awaits_answer(const Session& session) const {
  return session.connection.pending() && session.beyond_cap / (kCapsUnanswered - 1) < registry().cap();
}

bool ConnectionTracker::stays(const Session& session) const {
  return session.connection.tcp() && session.connection.established();
}

void ConnectionTracker::end_window(std::uint64_t number, TimestampNs start_ns, TimestampNs end_ns) {
  registry().for_each([&](Session& session) {
    if (is_over(session.connection, session.key.protocol, number - session.last_window, end_ns - session.last_ns)) {
      session.connection.forget();
      write_states(session);
    }
  });
  for (AdoptedStates& adopted : adopted_) {
    adopted.end_window(std::chrono::nanoseconds(end_ns - start_ns), kIdleWindows);
  }
}

void ConnectionTracker::flushed(TimestampNs now_ns) {
  for (const Begun& begun : begun_) {
    if (waits_for_place(*begun.session)) {
      ++state_latency_.waited;
    } else {
      state_latency_.histogram.add(std::chrono::nanoseconds(now_ns - begun.first_ns));
    }
  }
  begun_.clear();
}

std::size_t ConnectionTracker::events_per_flush() const { return kEventsPerFlush; }

bool ConnectionTracker::waits_for_place(const Session& session) const {
  return std::any_of(attachments_.begin(), attachments_.end(), [&session](const auto& attachment) {
    const auto id = attachment->sessions().find(session);
    return id && !attachment->sessions().entry(*id).placed;
  });
}

}  // namespace nicsentry
