// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/sets/address_hash.h"
#include "host/rules/sets/address_key.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {

// Order of an address's change relative to the switch of the ranges' trees. The program searches the tree only if it
// does not find the address here. So an address that moves between the two must be in both for a while.
enum class AddressOrder : std::uint8_t {
  any,
  before_switch,  // is added
  after_switch,   // is removed
};

// The wanted state of an address: a SET_* word, or 0 to remove it.
struct AddressChange {
  AddressKey key;
  std::uint16_t sets = 0;
  std::uint8_t family = 0;
  AddressOrder order = AddressOrder::any;
  bool present = false;  // before the change
};

// Updates by step. The trees are switched at the end of `switch_step`.
struct AddressPlan {
  std::vector<std::vector<SetUpdate::BucketUpdate>> steps;
  std::size_t switch_step = 0;
};

// The host's image of `set_addresses`: two-choice cuckoo hashing, three places in a bucket.
//
// A change is planned in two phases. First each address gets its place. An address that was present moves at most once,
// so that moves form chains, not cycles. Then each changed place gets its steps. An address is valid in its new place
// one step before it is cleared in the old one. A place is filled one step after it was cleared (but see overwrites()).
class AddressTable {
 public:
  // Throws Error for fewer than two buckets.
  AddressTable(std::uint32_t buckets, const AddressKeys& keys);
  // Adopts a table that another one has written, perhaps incompletely. Clears places that no lookup finds, and
  // duplicates. Adds their buckets to `cleared`, which must be written before any change.
  AddressTable(std::vector<address_bucket> image, const AddressKeys& keys,
               std::vector<SetUpdate::BucketUpdate>& cleared);

  // Plans a change. Each address occurs at most once. Throws Error if there is no room, and then changes nothing.
  AddressPlan change(std::span<const AddressChange> changes);

  // Returns the SET_* word of an address; 0 if it is not in the table.
  std::uint16_t sets_of(const AddressKey& key, std::size_t family) const;
  // Calls `act` with each address as a table_key() and its SET_* word.
  template <typename Act>
  void for_each(Act act) const {
    for (const address_bucket& bucket : image_) {
      for (std::uint32_t i = 0; i < ADDRESSES_PER_BUCKET; ++i) {
        if (bucket.sets[i] != 0) {
          act(AddressKey{bucket.address[i].high, bucket.address[i].low}, bucket.sets[i]);
        }
      }
    }
  }

  std::size_t size() const { return size_; }  // addresses
  // Maximum of addresses. Places that stay free keep moves short.
  std::size_t size_max() const { return use_.size() * 17 / 20; }
  std::uint32_t buckets() const { return static_cast<std::uint32_t>(image_.size()); }
  const std::vector<address_bucket>& image() const { return image_; }

 private:
  using Place = std::uint32_t;  // bucket x ADDRESSES_PER_BUCKET + place in the bucket

  struct Occupant {
    AddressKey key;          // table_key()
    std::uint16_t sets = 0;  // 0: empty

    bool operator==(const Occupant&) const = default;
  };

  // The parts of a change that removes addresses after the switch.
  enum class Part : std::uint8_t { all, until_switch, from_switch };

  // The former content of a place that this change touches.
  struct Touched {
    Place place = 0;
    Occupant before;
    std::optional<std::uint32_t> leave_step;
  };

  // A bucket that the search reached by moving the occupant of `from`.
  struct Visit {
    std::uint32_t bucket = 0;
    Place from = 0;
    std::size_t parent = 0;
  };

  struct Operation {
    std::uint32_t step = 0;
    std::uint32_t place = 0;  // in its bucket
    bool fills = false;
    Occupant after;
  };

  static Occupant occupant_of(const AddressChange& change);
  Occupant at(Place place) const;
  static void set(address_bucket& bucket, std::uint32_t place, const Occupant& occupant);
  AddressBuckets buckets_of(const Occupant& occupant) const;
  std::optional<Place> locate(const Occupant& occupant) const;
  unsigned occupied(std::uint32_t bucket) const;
  std::optional<Place> free_in(std::uint32_t bucket) const;

  void touch(Place place);
  void put(Place place, const Occupant& occupant, std::uint8_t use);
  void remove(Place place);
  void check_size(std::span<const AddressChange> changes) const;
  void place(std::span<const AddressChange> changes, Part part);
  bool add(const Occupant& occupant);
  bool make_room(const AddressBuckets& candidates, const Occupant& occupant);
  void visit(std::uint32_t bucket, Place from, std::size_t parent);
  void end_part();
  void roll_back(std::span<const Touched> places);

  void schedule(std::size_t first_step, AddressPlan& plan);
  std::size_t first_switch_step(std::span<const AddressChange> changes);
  Touched& touched_at(Place place);
  std::uint32_t leave_step(Touched& touched);
  std::uint32_t fill_step(Touched& touched);
  bool overwrites(const Touched& touched) const;
  void write_bucket(std::span<Touched> places, std::size_t first_step, AddressPlan& plan);

  AddressKeys keys_;
  std::vector<address_bucket> image_;
  std::size_t size_ = 0;

  // State of the change in progress.
  std::vector<std::uint8_t> use_;  // by place
  std::vector<Touched> touched_;
  std::vector<Operation> operations_;
  std::vector<Visit> visits_;
  std::vector<std::uint32_t> visited_in_;  // by bucket: its last search
  std::uint32_t search_ = 0;
};

}  // namespace nicsentry
