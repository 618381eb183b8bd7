// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/packet_recorder.h"

namespace nicsentry {

void PacketRecorder::record(Session& session, const PacketRecord& record, const ConnectionObserver& connections) {
  if (!record.dropped()) {
    registry_.learn_server(session, record.packet);
  }
  const bool wanted = registry_.capture(session, record.timestamp_ns, record.packet, record.event);
  session.unwatched = !wanted && !connections.awaits_answer(session);
  if (!session.unwatched) {
    return;
  }
  for (const auto& attachment : attachments_) {
    if (const auto id = attachment->sessions().find(session)) {
      attachment->sessions().mute(*id, record.event.epoch);
    }
  }
}

}  // namespace nicsentry
