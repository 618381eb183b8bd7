// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "bpf_offload/types.h"
#include "host/sessions/fingerprint.h"

namespace nicsentry {

// A pending update of one element of the `sessions` map.
struct BucketWrite {
  std::uint32_t index = 0;
  session_bucket value{};
};

constexpr unsigned kBucketBitsMin = 10;
constexpr unsigned kBucketBitsMax = 30;

// Returns the bits of the number of buckets for so many sessions. A bucket has two slots, and at most 83.4 % of the
// slots are used. Cuckoo hashing with two buckets of two slots fills to 89.7 % (Cain, Sanders, Wormald 2007; Fernholz,
// Ramachandran 2007). Small tables vary around that: with 106 sessions in 128 slots, one finds no room in 3 of 100
// tries. Hence kBucketBitsMin. Throws Error for 0 and for more than kBucketBitsMax allows.
unsigned bucket_bits_for(std::uint64_t sessions);

enum class InsertResult {
  placed,
  waiting,                // a slot is reserved but rests: insert again after release_rested(), or forget()
  no_room,                // nothing was changed
  fingerprint_met_twice,  // another session has the same fingerprint: the keys must be changed
};

// The host's image of the `sessions` map. Decides in which slot each session is and which updates of the map bring that
// about. The caller performs the updates in order; each changes one bucket. Not for several threads at once.
//
// An update is not atomic across its words, and a program may read a slot at any moment between and during updates.
// Hence a slot is filled while it is invalid, and becomes valid by an update of its state word alone. A slot that was
// cleared keeps its other words: it *rests* until release_rested() reports that no program still uses what it read
// there. A program that reads a slot's state before its other words never takes one session's counter for another's.
// A moved entry is valid in both slots before the old one is cleared. A program that reads one slot before and the
// other after that may miss the entry; the packet then counts as one of an unknown session.
class SessionTable {
 public:
  // A place in the order in which slots came to rest.
  using RestMark = std::uint64_t;

  explicit SessionTable(unsigned bucket_bits);

  // Places a fingerprint and appends the updates to `writes`. Where other sessions must move first, it makes the last
  // move of the path, reserves the slot that this freed and returns `waiting`. A path takes as many calls as it has
  // moves. `states`: the connection states in the state word, see session_slot.
  InsertResult insert(const Fingerprint& fingerprint, std::uint32_t counter, std::vector<BucketWrite>& writes,
                      std::uint32_t states = 0);

  // Cancels an insertion that is waiting and gives up its slot. Does nothing if there is none.
  void forget(const Fingerprint& fingerprint);

  // These return false if there is no such session.
  bool erase(const Fingerprint& fingerprint, std::vector<BucketWrite>& writes);
  bool mute(const Fingerprint& fingerprint, std::uint32_t epoch, std::vector<BucketWrite>& writes);
  // Updates the state word alone.
  bool set_states(const Fingerprint& fingerprint, std::uint32_t states, std::vector<BucketWrite>& writes);

  std::optional<std::uint32_t> find(const Fingerprint& fingerprint) const;  // its counter

  // Empties the table for a change of keys. All slots that were used rest; waiting insertions are cancelled.
  std::vector<BucketWrite> clear_all();

  // Ends the rest of all slots, or of those that rested when the mark was taken. Call it after a quiescence that began
  // later than their rest.
  void release_rested() { release_rested(rest_mark()); }
  void release_rested(RestMark until);
  RestMark rest_mark() const { return rests_begun_; }

  std::size_t size() const { return size_; }               // sessions placed
  std::size_t slots() const { return uses_.size(); }       // used, free or resting
  std::size_t waiting() const { return waiting_.size(); }  // insertions that have a slot reserved
  std::size_t resting() const { return resting_.size(); }  // slots
  unsigned bucket_bits() const { return bucket_bits_; }

 private:
  // Index of a slot: bucket x SLOTS_PER_BUCKET + slot.
  using Place = std::uint32_t;
  using BucketPlaces = std::array<Place, SLOTS_PER_BUCKET>;

  struct Use {
    bool live = false;
    bool resting = false;
    bool kept = false;  // reserved for an insertion that is waiting

    bool free() const { return !live && !resting && !kept; }
  };

  struct Waiting {
    std::uint32_t counter = 0;
    Place kept = 0;
  };

  // The last move of a path from a fingerprint's buckets to a free slot.
  struct Step {
    std::optional<Place> from;  // the entry to move; none where the room is in one of the fingerprint's own buckets
    Place room = 0;             // free, or resting: then nothing can be moved yet
  };

  // A bucket that the search reached, by moving the entry at `from` of the bucket before.
  struct Visit {
    std::uint32_t bucket = 0;
    std::optional<Place> from;
    unsigned moves = 0;
  };

  session_slot& slot(Place place) { return image_[place / SLOTS_PER_BUCKET].slot[place % SLOTS_PER_BUCKET]; }
  const session_slot& slot(Place place) const {
    return image_[place / SLOTS_PER_BUCKET].slot[place % SLOTS_PER_BUCKET];
  }
  static BucketPlaces places_in(std::uint32_t bucket);
  Fingerprint fingerprint_at(Place place) const;
  std::optional<Place> locate(const Fingerprint& fingerprint) const;
  bool has_room(Place place, std::optional<Place> kept) const;
  std::optional<Place> room_in(std::uint32_t bucket, std::optional<Place> kept) const;
  std::optional<Place> resting_in(std::uint32_t bucket) const;
  std::optional<Place> own_room(const Fingerprint& fingerprint, std::optional<Place> kept) const;
  std::optional<Step> shortest_path(const Fingerprint& fingerprint, std::optional<Place> kept);
  void visit(std::uint32_t bucket, std::optional<Place> from, unsigned moves);

  void fill(Place place, const session_slot& entry, std::vector<BucketWrite>& writes);
  void vacate(Place place, std::vector<BucketWrite>& writes);
  void append_write(Place place, std::vector<BucketWrite>& writes) const;

  unsigned bucket_bits_;
  std::vector<session_bucket> image_;
  std::vector<Use> uses_;
  std::deque<Place> resting_;  // oldest first; the last is number rests_begun_
  RestMark rests_begun_ = 0;
  std::unordered_map<Fingerprint, Waiting, FingerprintHash> waiting_;
  std::size_t size_ = 0;

  // Memory of the search.
  std::vector<Visit> visits_;
  std::vector<std::uint32_t> visited_in_;  // a bucket's last search
  std::uint32_t search_ = 0;
};

}  // namespace nicsentry
