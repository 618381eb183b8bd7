// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>

#include "bpf_offload/types.h"
#include "host/base/timestamp.h"
#include "host/datapath/event_reader.h"
#include "host/packet/parser.h"
#include "host/packet/session_key.h"
#include "host/sessions/connection.h"

namespace nicsentry {

// All that the analysis uses of one event, read once. Plain values; nothing refers to the batch.
struct PacketRecord {
  TimestampNs timestamp_ns = 0;
  event_header event{};
  ParsedPacket packet;
  ConnectionPacket connection;       // what a connection's state can depend on
  std::optional<SessionKey> quoted;  // of an ICMP error: the session of the packet that it quotes

  const SessionKey& key() const { return packet.key.key; }
  bool unknown() const { return event.counter == EVENT_UNKNOWN; }  // the program had no entry of the session
  bool dropped() const { return connection.dropped; }
};

// Whether packets of different VLANs are of different sessions.
enum class Vlans : std::uint8_t { ignored, part_of_sessions };

// Nothing where the packet's headers are not all there: some firmware sends fewer bytes than it was asked for.
std::optional<PacketRecord> read_record(const EventBatch& batch, const EventBatch::Event& event,
                                        Vlans vlans = Vlans::ignored);

}  // namespace nicsentry
