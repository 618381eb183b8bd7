// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/monitor.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

#include "host/analysis/event_order.h"

namespace nicsentry {
namespace {

// Rows of a window, with those of sessions that have lost their places.
constexpr std::size_t kRowsPerPlace = 4;

}  // namespace

Monitor::Monitor(Profile profile, std::uint64_t cap, WallClock clock, Vlans vlans)
    : clock_(std::move(clock)),
      vlans_(vlans),
      registry_(profile, cap),
      learner_(registry_, attachments_),
      recorder_(registry_, attachments_),
      connections_(std::make_unique<ConnectionObserver>(registry_)) {}

Attachment& Monitor::add_attachment(std::unique_ptr<Attachment> attachment) {
  attachment->start(epoch_);
  Attachment& added = attachments_.add(std::move(attachment));
  connections_->add(added);
  return added;
}

void Monitor::end_attachment(const Attachment& attachment, const std::string& reason) {
  attachments_.end_attachment(attachment, reason);
}

void Monitor::process(Attachment& attachment, const EventBatch& batch) {
  const Arrived arrived{&attachment, &batch};
  process({&arrived, 1});
}

void Monitor::process(std::span<const Arrived> arrived) {
  std::vector<const EventBatch*> batches;
  batches.reserve(arrived.size());
  for (const Arrived& each : arrived) {
    batches.push_back(each.batch);
  }
  std::size_t since_flush = 0;
  for_each_run_by_time(batches, [&](std::size_t which, std::span<const EventBatch::Event> events) {
    const auto [attachment, batch] = arrived[which];
    for (const EventBatch::Event& event : events) {
      if (take(*attachment, *batch, event) && ++since_flush == connections_->events_per_flush()) {
        flush();
        since_flush = 0;
      }
    }
  });
  flush();
  connections_->make_room(clock_());
}

// Returns whether the event was followed. Connections do not wait for a window: their packets pass several attachments,
// which turn to the next window one after the other.
bool Monitor::take(Attachment& attachment, const EventBatch& batch, const EventBatch::Event& event) {
  const bool reported_next = event.header.epoch == (closing_ ? epoch_ - 1 : epoch_);
  if (!reported_next && event.header.epoch != epoch_) {
    return false;
  }
  const auto record = read_record(batch, event, vlans_);
  Session* session = record ? follow(attachment, *record) : nullptr;
  if (!reported_next) {
    attachment.deferred().append(event.timestamp_ns, event.header, batch.packet(event));
    return true;
  }
  attachment.count_arrival(event.header);
  if (record) {
    count(attachment, session, *record);
  }
  return true;
}

// A record's first way. Updates of the maps that it causes are pending until the flush.
Session* Monitor::follow(Attachment& attachment, const PacketRecord& record) {
  Session* session = learner_.identify(attachment, record, *connections_);
  if (session != nullptr) {
    SessionRegistry::note_alive(*session, record.timestamp_ns);
    connections_->note(*session, record);
  }
  return session;
}

// A record's second way, in the window that it belongs to.
void Monitor::count(Attachment& attachment, Session* session, const PacketRecord& record) {
  if (session != nullptr && !record.dropped() && session->course.note(record.connection)) {
    const Amount counted{record.unknown() ? 0U : record.event.segments, record.unknown() ? 0U : record.event.bytes};
    begin_anew(*session, attachment, record.packet, record.event.epoch & 1U, counted);
  }
  if (session == nullptr || !learner_.count(attachment, *session, record, *connections_)) {
    learner_.refuse(attachment, record);
  } else {
    recorder_.record(*session, record, *connections_);
  }
}

// A connection begins between ports of a closed one: what was counted up to its first packet is the former session's.
// `counted`: the part of that packet that the attachment's counters have already.
void Monitor::begin_anew(Session& session, Attachment& attachment, const ParsedPacket& first, unsigned half,
                         const Amount& counted) {
  if (!registry_.has_room_for_ended()) {
    return;
  }
  const auto first_end = static_cast<std::size_t>(first.key.direction);
  for (const auto& each : attachments_) {
    const auto id = each->ended() ? std::nullopt : each->sessions().find(session);
    if (!id) {
      continue;
    }
    attachments_.attempt(*each, [&] {
      AttachmentSessions::Entry& entry = each->sessions().entry(*id);
      std::array<Amount, 2> before = entry.noted;
      if (before[0].packets + before[1].packets != entry.seen) {  // some packets were counted without events
        const session_counters now = each->program().maps().read_counters(*id, half);
        for (const std::size_t end : {0U, 1U}) {
          before[end] = {now.packets[end] - entry.last[half].packets[end],
                         now.bytes[end] - entry.last[half].bytes[end]};
        }
        if (each.get() == &attachment) {
          before[first_end].packets -= std::min(before[first_end].packets, counted.packets);
          before[first_end].bytes -= std::min(before[first_end].bytes, counted.bytes);
        }
      }
      for (const Direction direction : {Direction::from_lower, Direction::from_higher}) {
        const auto end = static_cast<std::size_t>(direction);
        if (before[end].packets != 0) {
          registry_.count(session, direction, before[end], each->place());
          entry.active = true;
        }
        each->accounting().on_sessions.packets += before[end].packets;
        each->accounting().on_sessions.bytes += before[end].bytes;
        entry.last[half].packets[end] += before[end].packets;
        entry.last[half].bytes[end] += before[end].bytes;
        entry.seen -= std::min(entry.seen, before[end].packets);
      }
      entry.noted = {};
      each->accounting().sessions_active += std::exchange(entry.active, false) ? 1 : 0;
    });
  }
  attachment.accounting().sessions_new += 1;
  registry_.begin_anew(session, first, half);
}

Session* Monitor::find_session(const ParsedPacket& packet) {
  SessionKey key = packet.key.key;
  if (vlans_ == Vlans::part_of_sessions) {
    key.vlans = packet.vlans;
  }
  return registry_.find(key);
}

bool Monitor::process_unreported(Attachment& attachment, const ParsedPacket& packet, TimestampNs time_ns) {
  Session* session = find_session(packet);
  const auto id = session != nullptr ? attachment.sessions().find(*session) : std::nullopt;
  if (!id) {
    return false;
  }
  AttachmentSessions::Entry& entry = attachment.sessions().entry(*id);
  const session_counters now = attachment.program().maps().read_counters(*id, attachment.half());
  const session_counters& last = entry.last[attachment.half()];
  if (packets_of(now) - packets_of(last) <= entry.seen) {
    return false;
  }
  if (session->course.note(packet)) {
    begin_anew(*session, attachment, packet, attachment.half(), {1, packet.features.bytes});
  }
  entry.seen = packets_of(now) - packets_of(last);
  entry.looked_ns = time_ns;
  registry_.learn_server(*session, packet);
  registry_.note_unseen(*session, time_ns, time_ns);
  return true;
}

void Monitor::add_bytes(Attachment& attachment, const ParsedPacket& packet, std::uint64_t bytes) {
  Session* session = find_session(packet);
  if (session != nullptr && bytes != 0) {
    registry_.count(*session, packet.key.direction, {0, bytes}, attachment.place());
    attachment.accounting().on_sessions.bytes += bytes;
  }
}

void Monitor::process_deferred() {
  std::vector<EventBatch> deferred;
  std::vector<const EventBatch*> batches;
  std::vector<Attachment*> attachments;
  deferred.reserve(attachments_.all().size());
  for (const auto& attachment : attachments_) {
    EventBatch& batch = deferred.emplace_back(std::exchange(attachment->deferred(), {}));
    batch.sort_by_time();
    batches.push_back(&batch);
    attachments.push_back(attachment.get());
  }
  for_each_run_by_time(batches, [&](std::size_t which, std::span<const EventBatch::Event> events) {
    Attachment& attachment = *attachments[which];
    for (const EventBatch::Event& event : events) {
      attachment.count_arrival(event.header);
      if (const auto record = read_record(*batches[which], event, vlans_)) {
        Session* session = learner_.identify(attachment, *record, *connections_);
        count(attachment, session, *record);
        if (session != nullptr && session->attachments == 0 && !session->active) {
          registry_.remove(*session);  // it was found room for, which another one has taken
        }
      }
    }
  });
  flush();
}

void Monitor::flush() {
  attachments_.flush();
  connections_->flushed(clock_());
}

void Monitor::take_established(std::span<const EstablishedConnection> connections) {
  constexpr std::uint32_t kBothWays =
      STATE_ESTABLISHED << SLOT_STATE_SHIFT | STATE_ESTABLISHED << (SLOT_STATE_SHIFT + SLOT_STATE_BITS);
  const auto has_room = [this] {
    return std::all_of(attachments_.begin(), attachments_.end(), [](const auto& attachment) {
      return attachment->room().free > attachment->sessions().capacity() / 2;
    });
  };
  for (const EstablishedConnection& connection : connections) {
    if (!has_room()) {
      break;
    }
    if (registry_.find(connection.key) != nullptr) {
      continue;
    }
    Session& session = registry_.add(connection.key, {connection.from_server, ServerMethod::handshake});
    session.connection.inherit(kBothWays, connection.key.protocol, opposite(connection.from_server));
    SessionRegistry::note_alive(session, clock_());
    attachments_.attempt_each(
        [&](Attachment& attachment) { attachment.learn(session, connections_->slot_states(attachment, session)); });
    connections_->learned(session);
  }
  flush();
}

void Monitor::tick(TimestampNs now_ns) {
  if (closing_) {
    return;
  }
  attachments_.attempt_each([&](Attachment& attachment) {
    const unsigned half = attachment.half();
    const auto muted = [](std::uint32_t /*id*/, const AttachmentSessions::Entry& entry) { return entry.muted; };
    ticks_.read(attachment, half, muted, [&](AttachmentSessions::Entry& entry, const session_counters& now) {
      const std::uint64_t packets = packets_of(now) - packets_of(entry.last[half]);
      if (packets > entry.seen) {
        registry_.note_unseen(*entry.session, std::max(entry.looked_ns, entry.session->last_ns), now_ns);
        entry.seen = packets;
      }
      entry.looked_ns = now_ns;
    });
  });
  connections_->tick(now_ns);
}

bool Monitor::wants_rest() const {
  return !closing_ && std::any_of(attachments_.begin(), attachments_.end(), [](const auto& attachment) {
    const AttachmentSessions& sessions = attachment->sessions();
    return sessions.waiting() != 0 || (sessions.resting_ids() != 0 && is_scarce(attachment->room()));
  });
}

void Monitor::begin_rest() {
  if (!closing_) {
    attachments_.attempt_each([](Attachment& attachment) { attachment.mark_rest(); });
  }
}

void Monitor::end_rest() {
  if (!closing_) {
    attachments_.attempt_each([this](Attachment& attachment) {
      end_rest(attachment);
      attachment.flush();
    });
  }
}

void Monitor::end_rest(Attachment& attachment) {
  const auto mark = attachment.take_rest_mark();
  if (!mark) {
    return;
  }
  AttachmentSessions& sessions = attachment.sessions();
  for (const std::uint32_t id : sessions.take_rested(*mark)) {
    count_rested(attachment, id);
    Session& session = sessions.free(id);
    if (session.attachments == 0 && !session.active) {
      registry_.remove(session);
    } else if (session.attachments == 0 && !closing_ && has_too_many_rows()) {
      leave_out(attachment, session);
    }
  }
  sessions.quiesced(*mark);
}

// A flood of sessions that are let in must not take all memory before the window ends.
bool Monitor::has_too_many_rows() const {
  std::size_t places = 0;
  for (const auto& attachment : attachments_) {
    places = std::max<std::size_t>(places, attachment->sessions().capacity());
  }
  return registry_.size() > kRowsPerPlace * places;
}

// The window has no row of the session, as of a session without room. Its packets stay in the accounting, as ones that
// were left out of the sample.
void Monitor::leave_out(Attachment& attachment, Session& session) {
  const auto move = [](std::uint64_t& left, std::uint64_t& from, std::uint64_t* to) {
    const std::uint64_t moved = std::min(left, from);
    left -= moved;
    from -= moved;
    if (to != nullptr) {
      *to += moved;
    }
  };
  Amount learned = session.learned;
  Amount counted{session.sent[0].packets + session.sent[1].packets - learned.packets,
                 session.sent[0].bytes + session.sent[1].bytes - learned.bytes};
  for (const auto& each : attachments_) {
    Accounting& accounting = each->accounting();
    move(learned.packets, accounting.learned.packets, nullptr);
    move(learned.bytes, accounting.learned.bytes, nullptr);
    move(counted.packets, accounting.on_sessions.packets, &accounting.unknown.packets);
    move(counted.bytes, accounting.on_sessions.bytes, &accounting.unknown.bytes);
  }
  attachment.refuse(session.key);
  registry_.remove_with_row(session);
}

// Behind a window that was just read only the other half is left to read.
void Monitor::count_rested(Attachment& attachment, std::uint32_t id) {
  AttachmentSessions::Entry& entry = attachment.sessions().entry(id);
  const TimestampNs now_ns = clock_();
  for (const unsigned half : {0U, 1U}) {
    if (closing_ && half != attachment.half()) {
      continue;
    }
    const session_counters now = attachment.program().maps().read_counters(id, half);
    const std::uint64_t packets = count_since_last(attachment, entry, half, now);
    if (packets > entry.seen) {
      registry_.note_unseen(*entry.session, std::max(entry.looked_ns, entry.session->last_ns), now_ns);
    }
    entry.active = entry.active || packets != 0;
    entry.seen -= std::min(entry.seen, packets);
  }
  attachment.accounting().sessions_active += entry.active ? 1 : 0;
}

// Returns how many packets there were since the half was read last.
std::uint64_t Monitor::count_since_last(Attachment& attachment, AttachmentSessions::Entry& entry, unsigned half,
                                        const session_counters& now) {
  const session_counters last = std::exchange(entry.last[half], now);
  for (const Direction direction : {Direction::from_lower, Direction::from_higher}) {
    const auto end = static_cast<std::size_t>(direction);
    const Amount amount{now.packets[end] - last.packets[end], now.bytes[end] - last.bytes[end]};
    if (amount.packets != 0) {
      registry_.count(*entry.session, direction, amount, attachment.place());
      attachment.accounting().on_sessions.packets += amount.packets;
      attachment.accounting().on_sessions.bytes += amount.bytes;
    }
  }
  return packets_of(now) - packets_of(last);
}

WindowCloser Monitor::flip(std::uint64_t number, TimestampNs start_ns) {
  if (closing_) {
    throw std::logic_error("a window was flipped before the one before it was collected");
  }
  closing_ = true;
  ++epoch_;
  attachments_.attempt_each([this](Attachment& attachment) { attachment.begin_closing(epoch_); });
  return {*this, epoch_ - 1, number, start_ns};
}

void Monitor::track_connections(bool on, const Lifetimes& lifetimes) {
  if (on == tracks_connections()) {
    return;
  }
  if (on) {
    connections_ = std::make_unique<ConnectionTracker>(registry_, attachments_, lifetimes, clock_());
    flush();
  } else {
    connections_ = std::make_unique<ConnectionObserver>(registry_);
  }
}

}  // namespace nicsentry
