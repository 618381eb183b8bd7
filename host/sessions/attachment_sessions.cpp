// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/attachment_sessions.h"

#include <algorithm>
#include <utility>

namespace nicsentry {

AttachmentSessions::AttachmentSessions(std::uint32_t capacity, unsigned bucket_bits, const FingerprintKeys& keys)
    : capacity_(capacity), table_(bucket_bits), keys_(keys) {}

std::optional<std::uint32_t> AttachmentSessions::find(const Session& session) const {
  const auto found = ids_.find(&session);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> AttachmentSessions::learn(Session& session, std::uint32_t states,
                                                       const Baseline& baseline) {
  std::uint32_t id = 0;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
  } else if (entries_.size() < capacity_) {
    id = static_cast<std::uint32_t>(entries_.size());
    baseline(id, entries_.emplace_back());
  } else {
    return std::nullopt;
  }
  Entry& entry = entries_[id];
  entry.session = &session;
  entry.fingerprint = fingerprint(session.key, keys_);
  entry.placed = entry.evicted = entry.active = entry.muted = false;
  entry.seen = 0;
  entry.noted = {};
  entry.looked_ns = 0;
  entry.states = states;
  stateless_ += states == 0 ? 1 : 0;
  ++in_use_;
  ++session.attachments;
  ids_[&session] = id;
  place(id);
  if (!entry.placed) {
    unplaced_.push_back(id);
  }
  return id;
}

void AttachmentSessions::place(std::uint32_t id) {
  Entry& entry = entries_[id];
  const InsertResult result = table_.insert(entry.fingerprint, id, writes_, entry.states);
  entry.placed = result == InsertResult::placed;
  collision_ = collision_ || result == InsertResult::fingerprint_met_twice;
}

void AttachmentSessions::set_states(std::uint32_t id, std::uint32_t states) {
  Entry& entry = entries_[id];
  const std::uint32_t before = std::exchange(entry.states, states);
  if (before == states) {
    return;
  }
  stateless_ += states == 0 ? 1 : 0;
  stateless_ -= before == 0 ? 1 : 0;
  if (entry.placed) {
    table_.set_states(entry.fingerprint, states, writes_);
  }
}

void AttachmentSessions::mute(std::uint32_t id, std::uint32_t epoch) {
  Entry& entry = entries_[id];
  if (!entry.muted && entry.placed) {
    entry.muted = table_.mute(entry.fingerprint, epoch, writes_);
  }
}

void AttachmentSessions::evict(std::uint32_t id) {
  Entry& entry = entries_[id];
  if (entry.placed) {
    table_.erase(entry.fingerprint, writes_);
  } else {
    table_.forget(entry.fingerprint);
    std::erase(unplaced_, id);
  }
  entry.placed = false;
  entry.evicted = true;
  stateless_ -= entry.states == 0 ? 1 : 0;
  ids_.erase(entry.session);
  resting_.push_back(id);
  ++rests_begun_;
}

std::vector<std::uint32_t> AttachmentSessions::take_rested(RestMark mark) {
  std::vector<std::uint32_t> rested;
  while (!resting_.empty() && rests_begun_ - resting_.size() < mark.ids) {
    rested.push_back(resting_.front());
    resting_.pop_front();
  }
  return rested;
}

Session& AttachmentSessions::free(std::uint32_t id) {
  Session& session = *std::exchange(entries_[id].session, nullptr);
  --in_use_;
  --session.attachments;
  free_.push_back(id);
  return session;
}

void AttachmentSessions::free_all(const std::function<void(Session&)>& freed) {
  for (std::uint32_t id = 0; id < ids(); ++id) {
    if (used(id)) {
      freed(free(id));
    }
  }
}

void AttachmentSessions::quiesced(RestMark mark) {
  table_.release_rested(mark.slots);
  for (const std::uint32_t id : std::exchange(unplaced_, {})) {
    place(id);
    if (!entries_[id].placed) {
      unplaced_.push_back(id);
    }
  }
}

void AttachmentSessions::change_keys(const FingerprintKeys& keys) {
  const std::vector<BucketWrite> cleared = table_.clear_all();
  writes_.insert(writes_.end(), cleared.begin(), cleared.end());
  keys_ = keys;
  collision_ = false;
  unplaced_.clear();
  for (std::uint32_t id = 0; id < ids(); ++id) {
    Entry& entry = entries_[id];
    if (entry.session != nullptr && !entry.evicted) {
      entry.fingerprint = fingerprint(entry.session->key, keys_);
      entry.placed = false;
      unplaced_.push_back(id);
    }
  }
}

}  // namespace nicsentry
