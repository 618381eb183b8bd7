// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/analysis/attachment_list.h"
#include "host/analysis/connection_tracker.h"
#include "host/analysis/packet_record.h"
#include "host/sessions/session_registry.h"

namespace nicsentry {

// Finds the sessions that records belong to and gives them counters. Entries are pending updates of the attachments
// until the next flush.
class SessionLearner {
 public:
  SessionLearner(SessionRegistry& registry, AttachmentList& attachments)
      : registry_(registry), attachments_(attachments) {}

  // Returns the session of a record from this attachment; adds it if it is new. Null where there is no room for a new
  // session, and where two sessions share a fingerprint. Changes no accounting.
  Session* identify(Attachment& attachment, const PacketRecord& record, const ConnectionObserver& connections);
  // Counts a record that the program counted as one of an unknown session, and gives the session counters on this
  // attachment if it has none. False where there is no room: nothing was counted.
  bool count(Attachment& attachment, Session& session, const PacketRecord& record, ConnectionObserver& connections);
  // Puts into the accounting that a record's session has no room.
  static void refuse(Attachment& attachment, const PacketRecord& record);

 private:
  Session* identify_unknown(Attachment& attachment, const PacketRecord& record, const ConnectionObserver& connections);
  static Session* identify_known(Attachment& attachment, const PacketRecord& record);

  SessionRegistry& registry_;
  AttachmentList& attachments_;
};

}  // namespace nicsentry
