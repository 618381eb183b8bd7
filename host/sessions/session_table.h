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

// An update of one element of the `sessions` map.
struct BucketWrite {
  std::uint32_t index = 0;
  session_bucket value{};
};

constexpr unsigned kBucketBitsMin = 10;
constexpr unsigned kBucketBitsMax = 30;

// Buckets (2^bits of two slots) for so many sessions: at most 83.4 % of the slots are ever used. Cuckoo hashing with
// two buckets of two slots fills to 89.7 % (Cain, Sanders, Wormald 2007; Fernholz, Ramachandran 2007). Small tables are
// luckier or unluckier than that (of 106 sessions in 128 slots, 3 in 100 times one finds no room), hence the least.
// Throws Error for 0 and for more than kBucketBitsMax allows.
unsigned bucket_bits_for(std::uint64_t sessions);

enum class InsertResult {
  placed,
  waiting,                // a slot is kept for it, but rests: again after release_rested(), or forget() it
  no_room,                // nothing was changed for it
  fingerprint_met_twice,  // another insertion has it: the keys must be changed
};

// The host's image of the `sessions` map: decides where each session stands, and says which updates of the map bring
// that about. The caller performs them in their order; each changes one bucket. Not for several threads at once.
//
// An update is not atomic across its words, and a program may look at a slot at any moment between and during updates.
// Hence a slot is filled while it is invalid, and made valid by an update of its state word alone; and once it is
// cleared, its words stay as they are, the slot *rests*, until release_rested() says that no program can hold what it
// read there. A program that reads a slot's state before its other words never sees one session's counter as another's.
// An entry that is moved is valid in both places before it is cleared in the old one; a program between its two looks
// at that instant may miss it, and the packet counts as one of an unknown session.
class SessionTable {
 public:
  // A place in the order in which slots came to rest.
  using RestMark = std::uint64_t;

  explicit SessionTable(unsigned bucket_bits);

  // Updates are appended to `writes`. May have to move other sessions first: then it does what can be done now, keeps
  // the place won for this fingerprint, and is waiting. A long way takes as many calls as it has steps.
  // `states`: the bits of the state word that say what the session's packets are to the firewall.
  InsertResult insert(const Fingerprint& fingerprint, std::uint32_t counter, std::vector<BucketWrite>& writes,
                      std::uint32_t states = 0);

  // Takes back an insertion that is waiting; others may have its place. Nothing happens where there is none.
  void forget(const Fingerprint& fingerprint);

  // All are false where there is no such session.
  bool erase(const Fingerprint& fingerprint, std::vector<BucketWrite>& writes);
  bool mute(const Fingerprint& fingerprint, std::uint32_t epoch, std::vector<BucketWrite>& writes);
  // An update of the state word alone.
  bool set_states(const Fingerprint& fingerprint, std::uint32_t states, std::vector<BucketWrite>& writes);

  std::optional<std::uint32_t> find(const Fingerprint& fingerprint) const;  // its counter

  // Empties the table, as a change of keys needs it. All slots that were used rest; waiting insertions are forgotten.
  std::vector<BucketWrite> clear_all();

  // To be called when no packet that was on its way as the slots came to rest can still be: all slots, or those that
  // rested by the time of the mark.
  void release_rested() { release_rested(rest_mark()); }
  void release_rested(RestMark until);
  RestMark rest_mark() const { return rests_begun_; }

  std::size_t size() const { return size_; }               // sessions placed
  std::size_t slots() const { return uses_.size(); }       // used, free or resting
  std::size_t waiting() const { return waiting_.size(); }  // insertions that a slot is kept for
  std::size_t resting() const { return resting_.size(); }  // slots
  unsigned bucket_bits() const { return bucket_bits_; }

 private:
  // Place of a slot: bucket x SLOTS_PER_BUCKET + slot.
  using Place = std::uint32_t;
  using BucketPlaces = std::array<Place, SLOTS_PER_BUCKET>;

  struct Use {
    bool live = false;
    bool resting = false;
    bool kept = false;  // for an insertion that is waiting

    bool free() const { return !live && !resting && !kept; }
  };

  struct Waiting {
    std::uint32_t counter = 0;
    Place kept = 0;
  };

  // The last step of a way from a fingerprint's buckets to room for it.
  struct Step {
    std::optional<Place> from;  // the entry to move; nothing where the room is in the fingerprint's own bucket
    Place room = 0;             // free, or resting: then there is nothing to move yet
  };

  // A bucket that the search came to, by moving the entry at `from` of the bucket before.
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
  std::optional<Step> shortest_way(const Fingerprint& fingerprint, std::optional<Place> kept);
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

  // Of the search; kept for their memory.
  std::vector<Visit> visits_;
  std::vector<std::uint32_t> visited_in_;  // a bucket's last search
  std::uint32_t search_ = 0;
};

}  // namespace nicsentry
