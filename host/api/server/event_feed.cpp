// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/event_feed.h"

#include <algorithm>

namespace nicsentry {

const char* event_name(EventKind kind) {
  switch (kind) {
    case EventKind::window:
      return "window";
    case EventKind::log:
      return "log";
    case EventKind::block:
      return "block";
    case EventKind::rules:
      return "rules";
    default:
      return "message";
  }
}

std::optional<EventKind> find_event_kind(std::string_view name) {
  for (const EventKind kind : kEventKinds) {
    if (name == event_name(kind)) {
      return kind;
    }
  }
  return std::nullopt;
}

void EventFeed::publish(EventKind kind, std::string_view data) {
  const std::lock_guard lock(mutex_);
  forget_gone();
  if (!wanted(kind)) {
    return;
  }
  const auto text = std::make_shared<const std::string>(
      "id: " + std::to_string(next_id_++) + "\nevent: " + event_name(kind) + "\ndata: " + std::string(data) + "\n\n");
  for (Reader& reader : readers_) {
    if (const auto stream = reader.stream.lock(); stream != nullptr && (reader.kinds & bit(kind)) != 0) {
      stream->offer(text);
      reader.lost = stream->lost();
    }
  }
}

std::shared_ptr<EventStream> EventFeed::subscribe(const std::vector<EventKind>& kinds) {
  const std::lock_guard lock(mutex_);
  forget_gone();
  if (closed_ || readers_.size() >= kMostReaders) {
    return nullptr;
  }
  Reader reader;
  for (const EventKind kind : kinds) {
    reader.kinds |= bit(kind);
  }
  auto stream = std::make_shared<EventStream>();
  reader.stream = stream;
  readers_.push_back(reader);
  kinds_ = kinds_ | reader.kinds;
  return stream;
}

void EventFeed::beat() {
  const std::lock_guard lock(mutex_);
  forget_gone();
  for (const Reader& reader : readers_) {
    if (const auto stream = reader.stream.lock()) {
      stream->beat();
    }
  }
}

void EventFeed::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const Reader& reader : readers_) {
    if (const auto stream = reader.stream.lock()) {
      stream->close();
    }
  }
}

std::size_t EventFeed::readers() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(readers_.begin(), readers_.end(), [](const Reader& reader) { return !reader.stream.expired(); }));
}

std::uint64_t EventFeed::lost() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t lost = lost_by_gone_;
  for (const Reader& reader : readers_) {
    lost += reader.lost;
  }
  return lost;
}

// With the lock held.
void EventFeed::forget_gone() {
  std::erase_if(readers_, [this](const Reader& reader) {
    const bool gone = reader.stream.expired();
    lost_by_gone_ += gone ? reader.lost : 0;
    return gone;
  });
  unsigned kinds = 0;
  for (const Reader& reader : readers_) {
    kinds |= reader.kinds;
  }
  kinds_ = kinds;
}

}  // namespace nicsentry
