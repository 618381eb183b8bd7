// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/api/server/event_stream.h"

namespace nicsentry {

// What a run tells those who read its events.
enum class EventKind : std::uint8_t { window, log, block, rules, message };
constexpr std::array<EventKind, 5> kEventKinds = {EventKind::window, EventKind::log, EventKind::block, EventKind::rules,
                                                  EventKind::message};
const char* event_name(EventKind kind);  // "window", "log", "block", "rules", "message"
// Nothing for another text.
std::optional<EventKind> find_event_kind(std::string_view name);

// Gives each event to all who read its kind. Any thread may call; nobody is waited for.
class EventFeed {
 public:
  static constexpr std::size_t kMostReaders = 64;

  // Whether somebody reads that kind: what nobody reads need not be written.
  bool wanted(EventKind kind) const { return (kinds_.load(std::memory_order_relaxed) & bit(kind)) != 0; }
  // `data`: one line of JSON.
  void publish(EventKind kind, std::string_view data);

  // Null where as many read as may. The stream ends with the feed.
  std::shared_ptr<EventStream> subscribe(const std::vector<EventKind>& kinds);
  void beat();
  void close();

  std::size_t readers() const;
  // That readers lost, of all time.
  std::uint64_t lost() const;

 private:
  static unsigned bit(EventKind kind) { return 1U << static_cast<unsigned>(kind); }
  void forget_gone();

  struct Reader {
    std::weak_ptr<EventStream> stream;  // the server holds it for as long as the connection lasts
    unsigned kinds = 0;
    std::uint64_t lost = 0;
  };
  mutable std::mutex mutex_;
  std::vector<Reader> readers_;
  std::atomic<unsigned> kinds_ = 0;
  std::uint64_t next_id_ = 0;
  std::uint64_t lost_by_gone_ = 0;
  bool closed_ = false;
};

}  // namespace nicsentry
