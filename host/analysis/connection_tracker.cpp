// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/connection_tracker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "host/analysis/counter_scan.h"

namespace nicsentry {
namespace {

constexpr std::size_t kEventsPerFlush = 64;
// A session whose answer is awaited is muted at so many times the cap.
constexpr std::uint64_t kCapsUnanswered = 10;
// All connections are looked at within this time, so a lifetime ends at most so much late.
constexpr std::chrono::nanoseconds kTurn = std::chrono::seconds(1);
// As long as a program expects an answer, see bpf_offload/expectations.h.
constexpr std::chrono::nanoseconds kExpected = std::chrono::seconds(30);
// Time for the last ACK of a closed connection to arrive.
constexpr std::chrono::nanoseconds kLastAck = std::chrono::seconds(2);
constexpr std::chrono::nanoseconds kBetweenLooks = std::chrono::milliseconds(100);

}  // namespace

void ConnectionObserver::note(Session& session, const PacketRecord& record) { observe(session, record); }

bool ConnectionObserver::observe(Session& session, const PacketRecord& record) {
  ConnectionPacket packet = record.connection;
  packet.unseen = session.unseen;
  if (session.connection.doubts(packet)) {
    packet.unseen = count_unseen(session);
  }
  bool changed = session.connection.note(packet);
  if (session.connection.took_numbers() && !packet.dropped && packet.protocol == Protocol::tcp) {
    session.numbered[record.event.epoch & 1U][static_cast<std::size_t>(packet.direction)] += record.event.bytes;
  }
  if (record.quoted) {
    const Session* quoted = registry_.find(*record.quoted);
    if (quoted != nullptr && quoted->connection.seen() &&
        quoted->connection.stage() != ConnectionStage::related) {  // nothing but errors: there is no query to quote
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
                               session.alive_ns});
    }
  });
  snapshot.state_latency = state_latency();
  return snapshot;
}

// A state's name has one address: names are counted by it, and read only once each.
ConnectionCounts ConnectionObserver::counts() const {
  std::map<const char*, std::uint64_t> by_name;
  std::as_const(registry_).for_each([&by_name](const Session& session) {
    if (session.connection.seen()) {
      ++by_name[connection_state(session.connection)];
    }
  });
  ConnectionCounts counts{{}, state_latency()};
  for (const auto& [name, count] : by_name) {
    counts.by_state[name] += count;
  }
  return counts;
}

ConnectionTracker::ConnectionTracker(SessionRegistry& registry, AttachmentList& attachments, const Lifetimes& lifetimes,
                                     TimestampNs now_ns)
    : ConnectionObserver(registry), attachments_(attachments), lifetimes_(lifetimes), ticked_ns_(now_ns) {
  for (const auto& attachment : attachments_) {
    adopted_.push_back(attachment->take_adopted_states());
    adopted_.back().set_time(now_ns, lifetimes_);
  }
  registry.for_each([this](Session& session) { write_states(session); });
}

void ConnectionTracker::add(Attachment& attachment) {
  adopted_.push_back(attachment.take_adopted_states());
  adopted_.back().set_time(ticked_ns_, lifetimes_);
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

std::uint32_t ConnectionTracker::slot_states(const Attachment& attachment, const Session& session) const {
  if (!attachment.keeps_expectations()) {
    return session.connection.simple_slot_states();
  }
  const std::uint32_t states = session.connection.slot_states();
  // Such a program takes an error's state from the session that it quotes. RELATED in the slot of two hosts' ICMP would
  // make every ping between them one that errors may quote.
  constexpr std::uint32_t kRelated = STATE_RELATED << SLOT_STATE_SHIFT | STATE_RELATED
                                                                             << (SLOT_STATE_SHIFT + SLOT_STATE_BITS);
  const Protocol protocol = session.key.protocol;
  return protocol == Protocol::icmp || protocol == Protocol::icmpv6 ? states & ~kRelated : states;
}

// An attachment that has not seen the session gets an entry too: the answer, the first packet there, must find the
// state in force.
void ConnectionTracker::write_states(Attachment& attachment, Session& session) const {
  const std::uint32_t states = slot_states(attachment, session);
  if (const auto id = attachment.sessions().find(session)) {
    attachment.sessions().set_states(*id, states);
  } else if (states != 0 && attachment.sessions().free_ids() != 0) {
    attachment.learn(session, states);
  }
}

// Sessions whose packets the firewall drops get a part of the counters only, and none of the last ones.
bool ConnectionTracker::may_take(const Attachment& attachment, const PacketRecord& record) const {
  if (!record.dropped() || adopted_states(record.key()) != 0) {
    return true;
  }
  const Room room = attachment.room();
  return !is_scarce(room) && attachment.sessions().stateless() < places_for_dropped(room);
}

bool ConnectionTracker::awaits_answer(const Session& session) const {
  return session.connection.pending() && session.beyond_cap / (kCapsUnanswered - 1) < registry().cap();
}

Hold ConnectionTracker::hold(const Session& session) const {
  switch (session.connection.stage()) {
    case ConnectionStage::none:
      return Hold::nothing;
    case ConnectionStage::closed:
    case ConnectionStage::reset:
      return Hold::closed;
    case ConnectionStage::established:
    case ConnectionStage::half_closed: {
      const Protocol protocol = session.key.protocol;
      return protocol == Protocol::tcp || protocol == Protocol::udp ? Hold::established : Hold::unanswered;
    }
    case ConnectionStage::related:
    case ConnectionStage::opened:
    case ConnectionStage::handshake:
      return Hold::unanswered;
  }
  return Hold::nothing;
}

void ConnectionTracker::make_room(TimestampNs now_ns) {
  for (const auto& attachment : attachments_) {
    if (!attachment->ended() && places_wanted(attachment->room()) != 0) {
      attachments_.attempt(*attachment, [&] { make_room(*attachment, now_ns); });
    }
  }
}

void ConnectionTracker::make_room(Attachment& attachment, TimestampNs now_ns) {
  TimestampNs& next = next_look_ns_[&attachment];
  if (now_ns < next && next - now_ns <= kBetweenLooks.count()) {
    return;
  }
  AttachmentSessions& sessions = attachment.sessions();
  std::vector<Occupant> occupants;
  occupants.reserve(sessions.ids());
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    if (sessions.used(id) && !sessions.entry(id).evicted) {
      const Session& session = *sessions.entry(id).session;
      occupants.push_back(
          {id, 0, hold(session), std::chrono::nanoseconds(now_ns - session.alive_ns), session.unwatched});
    }
  }
  const Room room = attachment.room();
  const std::uint32_t wanted = places_wanted(room);
  const std::vector<std::uint32_t> chosen = choose_for_new(occupants, wanted, places_spared(room));
  for (const std::uint32_t id : chosen) {
    sessions.evict(id);
  }
  next = chosen.size() < wanted ? now_ns + kBetweenLooks.count() : 0;
  attachment.flush();
}

void ConnectionTracker::tick(TimestampNs now_ns) {
  const auto passed = std::chrono::nanoseconds(now_ns - std::exchange(ticked_ns_, now_ns));
  const double part = std::clamp(static_cast<double>(passed.count()) / static_cast<double>(kTurn.count()), 0.0, 1.0);
  registry().for_each_in_turn(part, [&](Session& session) {
    if (is_over(session, now_ns)) {
      forget(session);
    } else if (session.connection.closed() && now_ns - session.alive_ns >= kLastAck.count() &&
               session.connection.settle()) {
      write_states(session);
    }
  });
  for (AdoptedStates& adopted : adopted_) {
    adopted.set_time(now_ns, lifetimes_);
  }
  attachments_.flush();
}

// A program goes by its expectation where the host says nothing of a session.
void ConnectionTracker::forget(Session& session) {
  const bool may_be_expected = lifetime_of(session.connection, session.key.protocol, lifetimes_) < kExpected;
  session.connection.forget();
  write_states(session);
  if (!may_be_expected) {
    return;
  }
  for (const auto& attachment : attachments_) {
    attachments_.attempt(*attachment, [&] {
      if (FirewallMaps* maps = attachment->program().firewall()) {
        maps->end_expectation(expectation_name(fingerprint(session.key, attachment->sessions().keys())));
      }
    });
  }
}

// Beyond the cap a session sends no events, and some get lost: its counters have the last word.
bool ConnectionTracker::is_over(Session& session, TimestampNs now_ns) {
  const Connection& connection = session.connection;
  const auto is_silent = [&] {
    const auto silence = std::chrono::nanoseconds(now_ns - session.alive_ns);
    return silence >= lifetime_of(connection, session.key.protocol, lifetimes_);
  };
  if (!connection.seen() || !is_silent()) {
    return false;
  }
  for (const auto& attachment : attachments_) {
    if (!attachment->ended()) {
      attachments_.attempt(*attachment, [&] { look_at_counters(*attachment, session, now_ns); });
    }
  }
  return is_silent();
}

void ConnectionTracker::look_at_counters(Attachment& attachment, Session& session, TimestampNs now_ns) {
  const auto id = attachment.sessions().find(session);
  if (!id) {
    return;
  }
  AttachmentSessions::Entry& entry = attachment.sessions().entry(*id);
  for (const unsigned half : {0U, 1U}) {
    const std::uint64_t packets =
        packets_of(attachment.program().maps().read_counters(*id, half)) - packets_of(entry.last[half]);
    if (half != attachment.half()) {
      if (packets != 0) {
        SessionRegistry::note_alive(session, now_ns);
      }
    } else if (packets > entry.seen) {
      registry().note_unseen(session, std::max(entry.looked_ns, session.last_ns), now_ns);
      entry.seen = packets;
      entry.looked_ns = now_ns;
    }
  }
}

TcpSequence::UnseenBytes ConnectionTracker::count_unseen(Session& session) const {
  TcpSequence::UnseenBytes counted{session.sent[0].bytes, session.sent[1].bytes};
  for (const auto& attachment : attachments_) {
    const auto id = attachment->ended() ? std::nullopt : attachment->sessions().find(session);
    if (!id) {
      continue;
    }
    attachments_.attempt(*attachment, [&] {
      for (const unsigned half : {0U, 1U}) {
        const session_counters now = attachment->program().maps().read_counters(*id, half);
        const session_counters& last = attachment->sessions().entry(*id).last[half];
        for (const std::size_t end : {0U, 1U}) {
          counted[end] += now.bytes[end] - last.bytes[end];
        }
      }
    });
  }
  TcpSequence::UnseenBytes unseen = session.unseen;
  for (const std::size_t end : {0U, 1U}) {
    const std::uint64_t numbered = session.numbered[0][end] + session.numbered[1][end];
    unseen[end] += counted[end] - std::min(counted[end], numbered);
  }
  return unseen;
}

void ConnectionTracker::flushed(TimestampNs now_ns) {
  for (const Begun& begun : begun_) {
    if (waits_for_place(*begun.session)) {
      ++state_latency_.waited;
    } else {
      state_latency_.histogram.add(std::chrono::nanoseconds(now_ns - begun.first_ns));
      state_latency_.durations.add(std::chrono::nanoseconds(now_ns - begun.first_ns));
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
