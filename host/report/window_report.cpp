// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/window_report.h"

namespace nicsentry {

Amount Accounting::in() const {
  Amount sum{on_sessions.packets + unknown.packets, on_sessions.bytes + unknown.bytes};
  for (const Amount& amount : not_understood) {
    sum.packets += amount.packets;
    sum.bytes += amount.bytes;
  }
  return sum;
}

const char* cause_name(int cause) {
  switch (static_cast<not_understood>(cause)) {
    case CAUSE_NOT_IP:
      return "not_ip";
    case CAUSE_VLAN_DEPTH:
      return "vlan_depth";
    case CAUSE_TRUNCATED:
      return "truncated";
    case CAUSE_MALFORMED:
      return "malformed";
    case CAUSE_LATER_FRAGMENT:
      return "later_fragment";
    case CAUSE_PROTOCOL:
      return "protocol";
    case CAUSE_EXTENSIONS:
      return "extensions";
    case CAUSES:
      break;
  }
  return "unnamed_cause";
}

std::size_t memory_of(const WindowReport& report) {
  std::size_t bytes = sizeof(report) + report.attachments.capacity() * sizeof(Accounting) +
                      report.sessions.capacity() * sizeof(SessionWindow);
  for (const SessionWindow& session : report.sessions) {
    bytes += session.packets.capacity() * sizeof(PacketFeatures);
  }
  return bytes;
}

}  // namespace nicsentry
