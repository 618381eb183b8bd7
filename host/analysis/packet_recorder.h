// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/analysis/attachment_list.h"
#include "host/analysis/connection_tracker.h"
#include "host/analysis/packet_record.h"
#include "host/sessions/session_registry.h"

namespace nicsentry {

// Keeps the features of a session's packets up to the window's cap, then mutes the session on all attachments. Mutings
// are pending updates of the attachments until the next flush.
class PacketRecorder {
 public:
  PacketRecorder(SessionRegistry& registry, AttachmentList& attachments)
      : registry_(registry), attachments_(attachments) {}

  void record(Session& session, const PacketRecord& record, const ConnectionObserver& connections);

 private:
  SessionRegistry& registry_;
  AttachmentList& attachments_;
};

}  // namespace nicsentry
