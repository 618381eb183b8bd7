// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/session_learner.h"

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
    attachment.refuse(record.key());
    return session;
  }
  if (session == nullptr) {
    session = &registry_.add(record.packet);
    ++attachment.accounting().sessions_new;
  }
  return session;
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
  entry.seen += record.event.segments;
  return entry.session;
}

bool SessionLearner::count(Attachment& attachment, Session& session, const PacketRecord& record,
                           ConnectionObserver& connections) {
  if (!record.unknown()) {
    return true;  // its counters have it
  }
  AttachmentSessions& sessions = attachment.sessions();
  if (!sessions.find(session)) {
    if (sessions.free_ids() == 0) {
      return false;
    }
    attachments_.attempt(attachment, [&] { attachment.learn(session, connections.slot_states(attachment, session)); });
    connections.learned(session);  // other attachments may have evicted it
  }
  const Amount amount{record.event.segments, record.event.bytes};
  registry_.count(session, record.connection.direction, amount);
  if (const auto id = sessions.find(session)) {
    sessions.entry(*id).active = true;
  }
  attachment.accounting().learned.packets += amount.packets;
  attachment.accounting().learned.bytes += amount.bytes;
  return true;
}

}  // namespace nicsentry
