// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/monitor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "host/base/error.h"
#include "host/sessions/quoted_session.h"

namespace nicsentry {
namespace {

// Windows without a packet after which a session makes room: soon when ids run short, else late, so that a long session
// with long pauses keeps its server.
constexpr std::uint64_t kIdleWindows = 30;
constexpr std::uint64_t kIdleWindowsWhenShort = 2;
constexpr TimestampNs kIcmpSilence = 30'000'000'000;  // as nf_conntrack_icmp_timeout

// Events between two flushes while connections are tracked: a state is not to wait for a long batch's end.
constexpr std::size_t kEventsPerFlush = 64;
// A session is muted at the cap only when no answer is awaited that would change its state; at so many caps it is.
constexpr std::uint64_t kCapsUnanswered = 10;

std::uint64_t packets_of(const session_counters& c) { return c.packets[0] + c.packets[1]; }

}  // namespace

Monitor::Monitor(Profile profile, std::uint64_t cap) : registry_(profile, cap) {}

Attachment& Monitor::add_attachment(std::unique_ptr<Attachment> attachment) {
  attachment->start(epoch_);
  attachments_.push_back(std::move(attachment));
  if (tracking_) {
    Attachment& added = *attachments_.back();
    attempt(added, [&] {
      registry_.for_each([&](Session& session) { write_states(added, session); });
      added.flush();
    });
  }
  return *attachments_.back();
}

void Monitor::end_attachment(const Attachment& attachment, const std::string& reason) {
  for (const auto& mine : attachments_) {
    if (mine.get() == &attachment && !mine->ended()) {
      mine->end();
      failures_.push_back({mine->name().text(), reason});
    }
  }
}

template <typename Act>
void Monitor::attempt(Attachment& attachment, Act act) {
  try {
    act();
  } catch (const Error& error) {
    end_attachment(attachment, error.what());
  }
}

void Monitor::process(Attachment& attachment, const EventBatch& batch, std::uint32_t epoch, EventBatch* later) {
  std::size_t since_flush = 0;
  for (const EventBatch::Event& event : batch.events()) {
    if (event.header.epoch != epoch) {
      if (later != nullptr && event.header.epoch == epoch + 1) {
        later->append(event.timestamp_ns, event.header, batch.packet(event));
      }
      continue;
    }
    const bool unknown = event.header.counter == EVENT_UNKNOWN;
    (unknown ? attachment.accounting().unknown_events_arrived : attachment.accounting().known_events_arrived) +=
        event.header.segments;
    const auto packet = parse_packet(batch.packet(event));
    if (!packet) {
      continue;  // cut by a firmware that sends fewer bytes than it was told
    }
    if (unknown) {
      process_unknown(attachment, batch, event, *packet);
    } else {
      process_known(attachment, batch, event, *packet);
    }
    if (tracking_ && ++since_flush == kEventsPerFlush) {
      flush();
      since_flush = 0;
    }
  }
  flush();
}

void Monitor::flush() {
  for (const auto& each : attachments_) {  // a session that reached the cap is muted on all
    attempt(*each, [&each] { each->flush(); });
  }
  measure_states();
}

void Monitor::process_unknown(Attachment& attachment, const EventBatch& batch, const EventBatch::Event& event,
                              const ParsedPacket& packet) {
  Session* session = registry_.find(packet.key.key);
  if (session == nullptr || !attachment.sessions().find(*session)) {
    // The last counters are for connections, not for those whom the firewall turns away.
    const bool turned_away = tracking_ && session == nullptr && (event.header.verdict & ACTION_DROP) != 0;
    if (attachment.sessions().free_ids() == 0 ||
        (turned_away && attachment.scarce() && inherited_states(packet.key.key) == 0)) {
      attachment.refuse(packet.key.key);
      if (session != nullptr) {
        note(*session, batch, event, packet);
      }
      return;
    }
    if (session == nullptr) {
      session = &registry_.add(packet);
      ++attachment.accounting().sessions_new;
    }
  }
  note(*session, batch, event, packet);
  if (!attachment.sessions().find(*session)) {
    attempt(attachment, [&] { attachment.learn(*session, states_of(*session)); });
    if (tracking_) {
      write_states(*session);  // an older one that was evicted, elsewhere as well
    }
  }
  // The card has counted this packet as an unknown session's: the event is what its session has of it.
  const Amount amount{event.header.segments, event.header.bytes};
  registry_.count(*session, packet.key.direction, amount);
  if (const auto id = attachment.sessions().find(*session)) {
    attachment.sessions().entry(*id).active = true;
  }
  attachment.accounting().learned.packets += amount.packets;
  attachment.accounting().learned.bytes += amount.bytes;
  capture(*session, event, packet);
}

void Monitor::process_known(Attachment& attachment, const EventBatch& batch, const EventBatch::Event& event,
                            const ParsedPacket& packet) {
  if (!attachment.sessions().used(event.header.counter)) {
    return;
  }
  AttachmentSessions::Entry& entry = attachment.sessions().entry(event.header.counter);
  if (entry.session->key != packet.key.key) {
    attachment.sessions().report_collision();
    return;
  }
  Session& session = *entry.session;
  entry.seen += event.header.segments;
  note(session, batch, event, packet);
  capture(session, event, packet);
}

void Monitor::note(Session& session, const EventBatch& batch, const EventBatch::Event& event,
                   const ParsedPacket& packet) {
  const PacketFeatures& features = packet.features;
  const ConnectionPacket seen{packet.protocol, packet.key.direction, features.tcp_flags, features.icmp_type,
                              (event.header.verdict & ACTION_DROP) != 0};
  const bool unknown = session.connection.slot_states() == 0;
  const bool inherits = unknown && tracking_ && inherit(session, seen);
  bool changed = session.connection.note(seen) || inherits;
  if (is_icmp_error(packet.protocol, features.icmp_type)) {
    const auto key = quoted_session(batch.packet(event), packet);
    const Session* quoted = key ? registry_.find(*key) : nullptr;
    if (quoted != nullptr && quoted->connection.seen()) {
      changed = session.connection.relate(packet.key.direction) || changed;
    }
  }
  if (!changed || !tracking_) {
    return;
  }
  write_states(session);
  if (unknown && !inherits) {
    begun_.push_back({&session, event.timestamp_ns});
  }
}

// Attachments of one run had the same states; any of them will do.
std::uint32_t Monitor::inherited_states(const SessionKey& key) const {
  for (const auto& attachment : attachments_) {
    if (const std::uint32_t states = attachment->inherited().find(key); states != 0) {
      return states;
    }
  }
  return 0;
}

// Before its packet is noted, be it dropped: the program has forgotten the connection, and drops what would show that
// it goes on. Who asks for a new connection gets no old one's states; that it is let in ends the old one.
bool Monitor::inherit(Session& session, const ConnectionPacket& packet) {
  const std::uint32_t states = inherited_states(session.key);
  const bool anew = is_plain_syn(packet);
  if (states == 0 || (anew && packet.dropped)) {
    return false;
  }
  for (const auto& attachment : attachments_) {
    attachment->inherited().forget(session.key);
  }
  if (anew) {
    return false;
  }
  session.connection.inherit(states, packet.protocol, opposite(session.server.server_direction));
  return true;
}

std::uint32_t Monitor::states_of(const Session& session) const {
  return tracking_ ? session.connection.slot_states() : 0;
}

void Monitor::write_states(Session& session) {
  for (const auto& attachment : attachments_) {
    if (!attachment->ended()) {
      attempt(*attachment, [&] { write_states(*attachment, session); });
    }
  }
}

// An entry on an attachment that has not seen the session: its first packet there, the answer, is to find the state in
// force.
void Monitor::write_states(Attachment& attachment, Session& session) {
  const std::uint32_t states = states_of(session);
  if (const auto id = attachment.sessions().find(session)) {
    attachment.sessions().set_states(*id, states);
  } else if (states != 0 && attachment.sessions().free_ids() != 0) {
    attachment.learn(session, states);
  }
}

void Monitor::track_connections(bool on) {
  if (std::exchange(tracking_, on) || !on) {
    return;
  }
  registry_.for_each([this](Session& session) { write_states(session); });
  flush();
}

void Monitor::measure_states() {
  if (begun_.empty()) {
    return;
  }
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());  // CLOCK_REALTIME, as the stamps
  for (const Begun& begun : begun_) {
    if (waits_for_place(*begun.session)) {
      ++states_that_waited_;
    } else {
      state_latency_.add(now - std::chrono::nanoseconds(begun.first_ns));
    }
  }
  begun_.clear();
}

bool Monitor::waits_for_place(const Session& session) const {
  return std::any_of(attachments_.begin(), attachments_.end(), [&session](const auto& attachment) {
    const auto id = attachment->sessions().find(session);
    return id && !attachment->sessions().entry(*id).placed;
  });
}

std::vector<ConnectionRow> Monitor::connections() const {
  std::vector<std::pair<std::uint64_t, ConnectionRow>> rows;
  registry_.for_each([&rows](const Session& session) {
    const Connection& connection = session.connection;
    if (connection.seen()) {
      rows.emplace_back(
          session.id, ConnectionRow{session.key,
                                    connection.originator(),
                                    connection_state(connection),
                                    {connection.state(Direction::from_lower), connection.state(Direction::from_higher)},
                                    session.last_ns});
    }
  });
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ConnectionRow> connections;
  connections.reserve(rows.size());
  for (auto& row : rows) {
    connections.push_back(std::move(row.second));
  }
  return connections;
}

void Monitor::capture(Session& session, const EventBatch::Event& event, const ParsedPacket& packet) {
  const bool wanted = registry_.capture(session, event.timestamp_ns, packet, event.header);
  const bool awaits_answer =
      tracking_ && session.connection.pending() && session.beyond_cap / (kCapsUnanswered - 1) < registry_.cap();
  session.unwatched = !wanted && !awaits_answer;
  if (!session.unwatched) {
    return;
  }
  for (const auto& attachment : attachments_) {
    if (const auto id = attachment->sessions().find(session)) {
      attachment->sessions().mute(*id, event.header.epoch);
    }
  }
}

void Monitor::tick(TimestampNs now_ns) {
  for (const auto& attachment : attachments_) {
    attempt(*attachment, [&] { tick(*attachment, now_ns); });
  }
}

void Monitor::tick(Attachment& attachment, TimestampNs now_ns) {
  AttachmentSessions& sessions = attachment.sessions();
  used_.assign(sessions.ids(), false);
  bool any = false;
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    used_[id] = sessions.used(id) && sessions.entry(id).muted;
    any = any || used_[id];
  }
  if (!any) {
    return;
  }
  attachment.program().maps().read_all_counters(attachment.half(), sessions.ids(), used_, readings_);
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    if (!used_[id]) {
      continue;
    }
    AttachmentSessions::Entry& entry = sessions.entry(id);
    const std::uint64_t packets = packets_of(readings_[id]) - packets_of(entry.last[attachment.half()]);
    if (packets > entry.seen) {
      registry_.note_unseen(*entry.session, std::max(entry.looked_ns, entry.session->last_ns), now_ns);
      entry.seen = packets;
    }
    entry.looked_ns = now_ns;
  }
}

void Monitor::flip() {
  ++epoch_;
  rest_marks_.clear();
  for (const auto& attachment : attachments_) {
    rest_marks_.push_back(attachment->sessions().rest_mark());
    attempt(*attachment, [&] { attachment->set_epoch(epoch_); });
  }
}

WindowReport Monitor::collect(std::uint64_t number, TimestampNs start_ns, TimestampNs end_ns) {
  WindowReport report;
  report.number = number;
  report.start_ns = start_ns;
  report.end_ns = end_ns;
  for (const auto& attachment : attachments_) {
    attempt(*attachment, [&] { close(*attachment, start_ns, end_ns); });
    report.attachments.push_back(attachment->take_accounting());
  }
  report.sessions = registry_.close_window(number);
  forget_ended(number, end_ns);
  for (std::size_t i = 0; i < attachments_.size(); ++i) {
    attempt(*attachments_[i], [&] { open(*attachments_[i], number, rest_marks_[i]); });
  }
  for (const auto& attachment : attachments_) {
    attachment->inherited().end_window(std::chrono::nanoseconds(end_ns - start_ns), kIdleWindows);
  }
  drop_ended_attachments();
  return report;
}

void Monitor::close(Attachment& attachment, TimestampNs start_ns, TimestampNs end_ns) {
  attachment.read_totals(closing_epoch() & 1U);
  read_sessions(attachment, start_ns, end_ns);
}

void Monitor::open(Attachment& attachment, std::uint64_t window, SessionTable::RestMark rested) {
  make_room(attachment, window);
  attachment.sessions().quiesced(rested);
  change_spent_keys(attachment);
  attachment.flush();
}

void Monitor::drop_ended_attachments() {
  for (const auto& attachment : attachments_) {
    if (attachment->ended()) {
      attachment->sessions().free_all([this](Session& session) {
        if (session.attachments == 0) {
          registry_.remove(session);
        }
      });
    }
  }
  std::erase_if(attachments_, [](const auto& attachment) { return attachment->ended(); });
}

void Monitor::read_sessions(Attachment& attachment, TimestampNs start_ns, TimestampNs end_ns) {
  AttachmentSessions& sessions = attachment.sessions();
  const unsigned half = closing_epoch() & 1U;
  used_.assign(sessions.ids(), false);
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    used_[id] = sessions.used(id);
  }
  attachment.program().maps().read_all_counters(half, sessions.ids(), used_, readings_);
  Accounting& accounting = attachment.accounting();
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    if (!used_[id]) {
      continue;
    }
    AttachmentSessions::Entry& entry = sessions.entry(id);
    const session_counters last = std::exchange(entry.last[half], readings_[id]);
    const std::uint64_t packets = packets_of(readings_[id]) - packets_of(last);
    for (const Direction direction : {Direction::from_lower, Direction::from_higher}) {
      const auto end = static_cast<std::size_t>(direction);
      const Amount amount{readings_[id].packets[end] - last.packets[end], readings_[id].bytes[end] - last.bytes[end]};
      if (amount.packets != 0) {
        registry_.count(*entry.session, direction, amount);
        accounting.on_sessions.packets += amount.packets;
        accounting.on_sessions.bytes += amount.bytes;
      }
    }
    if (packets > entry.seen) {
      registry_.note_unseen(*entry.session, std::max({start_ns, entry.looked_ns, entry.session->last_ns}), end_ns);
    }
    accounting.sessions_active += entry.active || packets != 0 ? 1 : 0;
    entry.active = false;
    entry.seen = 0;
    entry.looked_ns = 0;
    entry.muted = false;
  }
}

// While rules may ask for it, a TCP connection that nobody closed is kept as long as there is room for others beside
// all of those: a flood makes room for itself. When there is not, those go first that may have been closed while they
// were muted.
void Monitor::make_room(Attachment& attachment, std::uint64_t window) {
  AttachmentSessions& sessions = attachment.sessions();
  std::vector<std::uint32_t> established;
  const std::uint64_t idle_windows = attachment.scarce() ? kIdleWindowsWhenShort : kIdleWindows;
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    if (!sessions.used(id) || sessions.entry(id).evicted) {
      continue;
    }
    const Session& session = *sessions.entry(id).session;
    if (tracking_ && session.connection.tcp() && session.connection.established()) {
      established.push_back(id);
    } else if (window - session.last_window >= idle_windows) {
      sessions.evict(id);
    }
  }
  if (attachment.too_many(established.size())) {
    for (const std::uint32_t id : established) {
      const Session& session = *sessions.entry(id).session;
      if (window - session.last_window >= (session.unwatched ? kIdleWindowsWhenShort : kIdleWindows)) {
        sessions.evict(id);
      }
    }
  }
  sessions.free_evicted([this](Session& session) {
    if (session.attachments == 0 && !session.active) {
      registry_.remove(session);
    }
  });
}

// Whoever uses the ports of a closed connection again begins a new one, and is NEW. To a ping nobody answers for ever.
void Monitor::forget_ended(std::uint64_t window, TimestampNs now_ns) {
  if (!tracking_) {
    return;
  }
  registry_.for_each([&](Session& session) {
    const bool closed = session.connection.closed() && window - session.last_window >= kIdleWindowsWhenShort;
    const bool icmp = session.key.protocol == Protocol::icmp || session.key.protocol == Protocol::icmpv6;
    if (closed || (icmp && session.connection.seen() && now_ns - session.last_ns >= kIcmpSilence)) {
      session.connection.forget();
      write_states(session);
    }
  });
}

void Monitor::change_spent_keys(Attachment& attachment) {
  if (!attachment.sessions().keys_are_spent()) {
    return;
  }
  const FingerprintKeys spent = attachment.sessions().keys();
  for (const auto& other : attachments_) {
    if (other->sessions().keys() == spent) {
      other->sessions().change_keys(following_keys(spent));
      other->flush();  // no entry of the old keys is left when the new ones take effect
      other->set_keys(other->sessions().keys());
    }
  }
}

}  // namespace nicsentry
