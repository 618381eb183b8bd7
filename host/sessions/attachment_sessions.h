// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "bpf_offload/types.h"
#include "host/sessions/fingerprint.h"
#include "host/sessions/session.h"
#include "host/sessions/session_table.h"

namespace nicsentry {

// The sessions that one attachment has entries of: their counter ids, their places in its table, and how far their
// counters were read. Pure bookkeeping: updates of the `sessions` map stay pending until perform_writes().
class AttachmentSessions {
 public:
  // One counter id. It is in use from learn() until free(), which comes after a rest: see take_rested().
  struct Entry {
    Session* session = nullptr;
    Fingerprint fingerprint;
    bool placed = false;            // the program has its entry; else its packets count as those of an unknown session
    bool evicted = false;           // not in the table any more; its counters may still see a late addition
    bool active = false;            // had packets in the open window, on this attachment
    bool muted = false;             // in the open window
    std::uint32_t states = 0;       // of its slot, or for the slot that it will get
    std::uint64_t seen = 0;         // packets of this window on its counters that events or ticks showed
    std::array<Amount, 2> noted{};  // those of them that events showed, by Direction
    TimestampNs looked_ns = 0;      // last tick of this window that read its counters; 0: none
    session_counters last[2]{};     // counters as last read, by half
  };

  AttachmentSessions(std::uint32_t capacity, unsigned bucket_bits, const FingerprintKeys& keys);

  // Returns the id of the session's counters, if it has an entry that is not evicted.
  std::optional<std::uint32_t> find(const Session& session) const;
  // Gives a session counters. Returns nothing when no id is free. `baseline` is called with an id that was never used
  // before, before the program may count on it: it stores what the counters hold. `states`: see SessionTable.
  using Baseline = std::function<void(std::uint32_t, Entry&)>;
  std::optional<std::uint32_t> learn(Session& session, std::uint32_t states, const Baseline& baseline);
  // Writes nothing if the slot has these states already.
  void set_states(std::uint32_t id, std::uint32_t states);
  void mute(std::uint32_t id, std::uint32_t epoch);
  // Removes a session from the table. Its id rests, and stays in use until free().
  void evict(std::uint32_t id);

  // A moment in the order in which slots and ids came to rest.
  struct RestMark {
    SessionTable::RestMark slots = 0;
    std::uint64_t ids = 0;
  };
  RestMark rest_mark() const { return {table_.rest_mark(), rests_begun_}; }
  // After a quiescence that began when the mark was taken: the ids that rested by then, each of them once. No program
  // adds to their counters any more. The caller reads both halves of them, then calls free().
  std::vector<std::uint32_t> take_rested(RestMark mark);
  // Makes an id that rested free for another session. Returns the session that has an entry less.
  Session& free(std::uint32_t id);
  // After the same quiescence: places the sessions that waited for slots.
  void quiesced(RestMark mark);
  // Frees all ids, for an attachment that ends. `freed` is called for each session that lost its entry here.
  void free_all(const std::function<void(Session&)>& freed);
  std::size_t resting_slots() const { return table_.resting(); }
  std::uint32_t resting_ids() const { return static_cast<std::uint32_t>(resting_.size()); }
  // Sessions without a slot: the program takes their packets for those of unknown sessions.
  std::size_t waiting() const { return unplaced_.size(); }
  // Sessions in the table that have no state: STATE_NEW in both directions.
  std::uint32_t stateless() const { return stateless_; }

  // Empties the table and gives all sessions new fingerprints. They are placed again after the next quiescence.
  void change_keys(const FingerprintKeys& keys);
  // Two sessions share a fingerprint: only a change of keys tells them apart.
  bool keys_are_spent() const { return collision_; }
  void report_collision() { collision_ = true; }
  const FingerprintKeys& keys() const { return keys_; }

  // The ids in use are below ids().
  std::uint32_t ids() const { return static_cast<std::uint32_t>(entries_.size()); }
  Entry& entry(std::uint32_t id) { return entries_[id]; }
  const Entry& entry(std::uint32_t id) const { return entries_[id]; }
  bool used(std::uint32_t id) const { return id < entries_.size() && entries_[id].session != nullptr; }
  std::uint32_t free_ids() const { return capacity_ - in_use_; }
  std::uint32_t capacity() const { return capacity_; }

  // Calls perform(write) for each pending update of the `sessions` map, in the order in which they must be performed.
  // All stay pending if `perform` throws.
  template <typename Perform>
  void perform_writes(Perform perform) {
    for (const BucketWrite& write : writes_) {
      perform(write);
    }
    writes_.clear();
  }

 private:
  void place(std::uint32_t id);

  std::uint32_t capacity_;
  SessionTable table_;
  FingerprintKeys keys_;
  bool collision_ = false;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::deque<std::uint32_t> resting_;  // ids, oldest first; the last is number rests_begun_
  std::uint64_t rests_begun_ = 0;
  std::uint32_t stateless_ = 0;
  std::vector<std::uint32_t> unplaced_;
  std::uint32_t in_use_ = 0;
  std::unordered_map<const Session*, std::uint32_t> ids_;
  std::vector<BucketWrite> writes_;
};

}  // namespace nicsentry
