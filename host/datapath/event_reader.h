// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/datapath/link_header.h"
#include "host/datapath/processors.h"
#include "host/packet/features.h"

namespace nicsentry {

// Events as they were read, oldest first once sorted. Their packets' bytes lie in one buffer that is used again.
class EventBatch {
 public:
  struct Event {
    TimestampNs timestamp_ns = 0;  // the kernel's stamp, CLOCK_REALTIME
    event_header header{};
    std::size_t offset = 0;
    std::size_t length = 0;
  };

  void append(TimestampNs timestamp_ns, const event_header& header, std::span<const std::uint8_t> packet);
  // The same for a packet as a program sends it: gets what stands beside it, so that it is an Ethernet frame.
  void append_sent(TimestampNs timestamp_ns, const event_header& header, std::span<const std::uint8_t> packet,
                   LinkHeader link);
  void sort_by_time();  // stable: events of one processor keep their order
  void clear();

  const std::vector<Event>& events() const { return events_; }
  // The packet's first bytes; behind the frame's end there may be up to 7 bytes of padding.
  std::span<const std::uint8_t> packet(const Event& event) const { return {&bytes_[event.offset], event.length}; }

 private:
  std::vector<Event> events_;
  std::vector<std::uint8_t> bytes_;
};

// Reads the events of one program: a ring a processor, no wake-up for each event. A processor that comes online later
// gets its ring within a second. One at a time per `records` map. Not for use by several threads.
class EventReader {
 public:
  // `cpu`: only that processor's ring (test runs); else those that `online` returns. `link`: what the program's packets
  // begin with. `readers`: how many the process has, which share the memory that it may lock: rings are as small as
  // that asks for. Throws SystemError.
  explicit EventReader(int records_fd, std::optional<int> cpu = std::nullopt, LinkHeader link = LinkHeader::ethernet,
                       OnlineProcessors online = online_processors, unsigned readers = 1);
  ~EventReader();
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;

  // Readable when a ring is a quarter full.
  int poll_fd() const;
  // Appends everything that is in the rings. Returns how many events the kernel says it had no room for.
  // After an error it is tried again with the next call that is due.
  std::uint64_t drain(EventBatch& batch);
  // Why rings are smaller than usual, and how large they are; nothing where they are not.
  std::optional<std::string> small_rings() const;
  // The error of drain(), once for as long as it lasts.
  std::optional<std::string> take_trouble();

 private:
  void look_at_processors();

  struct Rings;
  std::unique_ptr<Rings> rings_;
};

}  // namespace nicsentry
