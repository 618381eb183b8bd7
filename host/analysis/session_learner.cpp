// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/session_learner.h"

#include <utility>

namespace nicsentry {

Session* SessionLearner::identify(Attachment& attachment, const PacketRecord& record,
                                  const ConnectionObserver& connections) {
  return record.unknown() ? identify_unknown(attachment, record, connections) : identify_known(attachment, record);
}

Session* SessionLearner::identify_unknown(Attachment& attachment, const PacketRecord& record,
                                          const ConnectionObserver& connections) {
  Session* session = registry_.find(record.key());
  if (session != nullptr && attachment.sessions().find(*session)) {
    return session;
  }
  const bool kept_for_others = session == nullptr && !connections.may_take(attachment, record);
  if (attachment.room().free == 0 || kept_for_others) {
    return session;
  }
  return session != nullptr ? session : &registry_.add(record.packet);
}

Session* SessionLearner::identify_known(Attachment& attachment, const PacketRecord& record) {
  AttachmentSessions& sessions = attachment.sessions();
  if (!sessions.used(record.event.counter)) {
    return nullptr;
  }
  AttachmentSessions::Entry& entry = sessions.entry(record.event.counter);
  if (entry.session->key != record.key()) {
    // Otherwise the event is late: its counters were another session's when it was sent.
    if (fingerprint(record.key(), sessions.keys()) == entry.fingerprint) {
      sessions.report_collision();
    }
    return nullptr;
  }
  return entry.session;
}

bool SessionLearner::count(Attachment& attachment, Session& session, const PacketRecord& record,
                           ConnectionObserver& connections) {
  AttachmentSessions& sessions = attachment.sessions();
  if (!record.unknown()) {
    AttachmentSessions::Entry& entry = sessions.entry(record.event.counter);
    Amount& noted = entry.noted[static_cast<std::size_t>(record.connection.direction)];
    entry.seen += record.event.segments;  // its counters have it
    noted.packets += record.event.segments;
    noted.bytes += record.event.bytes;
    return true;
  }
  if (!sessions.find(session)) {
    if (sessions.free_ids() == 0) {
      return false;
    }
    attachments_.attempt(attachment, [&] { attachment.learn(session, connections.slot_states(attachment, session)); });
    connections.learned(session);  // other attachments may have evicted it
  }
  attachment.accounting().sessions_new += std::exchange(session.counted, true) ? 0 : 1;
  const Amount amount{record.event.segments, record.event.bytes};
  registry_.count(session, record.connection.direction, amount, attachment.place());
  session.learned.packets += amount.packets;
  session.learned.bytes += amount.bytes;
  if (const auto id = sessions.find(session)) {
    sessions.entry(*id).active = true;
  }
  attachment.accounting().learned.packets += amount.packets;
  attachment.accounting().learned.bytes += amount.bytes;
  return true;
}

void SessionLearner::refuse(Attachment& attachment, const PacketRecord& record) {
  if (record.unknown()) {
    attachment.refuse(record.key());
  }
}

}  // namespace nicsentry
