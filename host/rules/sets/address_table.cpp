// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/address_table.h"

#include <algorithm>
#include <string>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// How a search for room may treat the occupant of a place.
constexpr std::uint8_t kStood = 0;   // present before the change: may move once
constexpr std::uint8_t kFresh = 1;   // added by this change: may move, because no program can read it yet
constexpr std::uint8_t kPinned = 2;  // may not move, or not again
constexpr std::uint8_t kUseMask = 3;
constexpr std::uint8_t kTouched = 4;

// Limits the buckets that a search for room visits. Each further move triples them.
constexpr std::size_t kVisitsMax = 4096;

}  // namespace

AddressTable::AddressTable(std::uint32_t buckets, const AddressKeys& keys) : keys_(keys) {
  constexpr std::uint32_t kBucketsMax = 0xffffffffU / ADDRESSES_PER_BUCKET;
  if (buckets < 2 || buckets > kBucketsMax) {
    throw Error("a table of single addresses with " + std::to_string(buckets) + " buckets: allowed is 2 to " +
                std::to_string(kBucketsMax));
  }
  image_.resize(buckets);
  use_.resize(std::size_t{buckets} * ADDRESSES_PER_BUCKET);
  visited_in_.resize(buckets);
}

AddressTable::AddressTable(std::vector<address_bucket> image, const AddressKeys& keys,
                           std::vector<SetUpdate::BucketUpdate>& cleared)
    : AddressTable(static_cast<std::uint32_t>(image.size()), keys) {
  image_ = std::move(image);
  for (std::uint32_t index = 0; index < image_.size(); ++index) {
    bool stale = false;
    for (Place place = index * ADDRESSES_PER_BUCKET; place < (index + 1) * ADDRESSES_PER_BUCKET; ++place) {
      const Occupant occupant = at(place);
      if (occupant.sets == 0) continue;
      if (locate(occupant) == place) {
        ++size_;
      } else {
        set(image_[index], place % ADDRESSES_PER_BUCKET, {occupant.key, 0});
        stale = true;
      }
    }
    if (stale) {
      cleared.push_back({index, image_[index]});
    }
  }
}

std::uint16_t AddressTable::sets_of(const AddressKey& key, std::size_t family) const {
  const auto place = locate({table_key(key, family), 0});
  return place ? at(*place).sets : std::uint16_t{0};
}

AddressPlan AddressTable::change(std::span<const AddressChange> changes) {
  check_size(changes);
  const bool goes_late = std::any_of(changes.begin(), changes.end(), [](const AddressChange& change) {
    return change.order == AddressOrder::after_switch;
  });
  std::vector<Touched> of_first_part;
  try {
    AddressPlan plan;
    // Room that is free only after the switch cannot hold addresses that must be present before it. So there are two
    // parts, one after the other.
    place(changes, goes_late ? Part::until_switch : Part::all);
    schedule(0, plan);
    plan.switch_step = goes_late ? plan.steps.size() : first_switch_step(changes);
    if (goes_late) {
      end_part();
      of_first_part = std::exchange(touched_, {});
      place(changes, Part::from_switch);
      schedule(plan.switch_step + 1, plan);
    }
    end_part();
    touched_ = {};
    return plan;
  } catch (...) {
    roll_back(touched_);
    roll_back(of_first_part);
    touched_ = {};
    throw;
  }
}

void AddressTable::check_size(std::span<const AddressChange> changes) const {
  std::size_t after = size_;
  for (const AddressChange& change : changes) {
    after += change.sets != 0 ? 1 : 0;
    after -= change.present ? 1 : 0;
  }
  if (after > size_max()) {
    throw Conflict("address sets: " + std::to_string(after) + " single addresses do not fit; at most " +
                   std::to_string(size_max()) + " are allowed");
  }
}

AddressTable::Occupant AddressTable::at(Place place) const {
  const address_bucket& bucket = image_[place / ADDRESSES_PER_BUCKET];
  const address& words = bucket.address[place % ADDRESSES_PER_BUCKET];
  return {{words.high, words.low}, bucket.sets[place % ADDRESSES_PER_BUCKET]};
}

void AddressTable::set(address_bucket& bucket, std::uint32_t place, const Occupant& occupant) {
  bucket.address[place] = {occupant.key.high, occupant.key.low};
  bucket.sets[place] = occupant.sets;
}

AddressBuckets AddressTable::buckets_of(const Occupant& occupant) const {
  return address_buckets(occupant.key, buckets(), keys_);
}

std::optional<AddressTable::Place> AddressTable::locate(const Occupant& occupant) const {
  const AddressBuckets candidates = buckets_of(occupant);
  for (const std::uint32_t bucket : {candidates.first, candidates.second}) {
    for (Place place = bucket * ADDRESSES_PER_BUCKET; place < (bucket + 1) * ADDRESSES_PER_BUCKET; ++place) {
      const Occupant here = at(place);
      if (here.sets != 0 && here.key == occupant.key) return place;
    }
  }
  return std::nullopt;
}

unsigned AddressTable::occupied(std::uint32_t bucket) const {
  const auto& sets = image_[bucket].sets;
  return static_cast<unsigned>(std::count_if(std::begin(sets), std::end(sets), [](auto word) { return word != 0; }));
}

std::optional<AddressTable::Place> AddressTable::free_in(std::uint32_t bucket) const {
  for (std::uint32_t i = 0; i < ADDRESSES_PER_BUCKET; ++i) {
    if (image_[bucket].sets[i] == 0) return bucket * ADDRESSES_PER_BUCKET + i;
  }
  return std::nullopt;
}

void AddressTable::touch(Place place) {
  if ((use_[place] & kTouched) != 0) return;
  touched_.push_back({place, at(place), std::nullopt});
  use_[place] |= kTouched;
}

void AddressTable::put(Place place, const Occupant& occupant, std::uint8_t use) {
  touch(place);
  set(image_[place / ADDRESSES_PER_BUCKET], place % ADDRESSES_PER_BUCKET, occupant);
  use_[place] = kTouched | use;
}

void AddressTable::remove(Place place) {
  touch(place);
  // The key stays. Until the place is filled again, a program that reads it finds no sets.
  image_[place / ADDRESSES_PER_BUCKET].sets[place % ADDRESSES_PER_BUCKET] = 0;
  --size_;
}

bool AddressTable::add(const Occupant& occupant) {
  const AddressBuckets candidates = buckets_of(occupant);
  // The emptier bucket is better: far fewer addresses have to move later.
  const bool first = occupied(candidates.first) <= occupied(candidates.second);
  if (const auto place = free_in(first ? candidates.first : candidates.second)) {
    put(*place, occupant, kFresh);
  } else if (!make_room(candidates, occupant)) {
    return false;
  }
  ++size_;
  return true;
}

// Searches breadth first, to move as few addresses as possible.
bool AddressTable::make_room(const AddressBuckets& candidates, const Occupant& occupant) {
  if (++search_ == 0) {
    std::fill(visited_in_.begin(), visited_in_.end(), 0);
    search_ = 1;
  }
  visits_.clear();
  visit(candidates.first, 0, 0);
  visit(candidates.second, 0, 0);
  const std::size_t roots = visits_.size();
  // Loops by index, because visits_ grows within the loop.
  for (std::size_t i = 0; i < visits_.size(); ++i) {  // NOLINT(modernize-loop-convert)
    const std::uint32_t bucket = visits_[i].bucket;
    if (const auto room = free_in(bucket)) {
      Place free = *room;
      for (std::size_t v = i; v >= roots; v = visits_[v].parent) {
        const Place from = visits_[v].from;
        const bool fresh = (use_[from] & kUseMask) == kFresh;
        touch(from);
        put(free, at(from), fresh ? kFresh : kPinned);
        free = from;
      }
      put(free, occupant, kFresh);
      return true;
    }
    if (visits_.size() >= kVisitsMax) continue;
    for (Place place = bucket * ADDRESSES_PER_BUCKET; place < (bucket + 1) * ADDRESSES_PER_BUCKET; ++place) {
      if ((use_[place] & kUseMask) == kPinned) continue;
      const AddressBuckets others = buckets_of(at(place));
      visit(others.first == bucket ? others.second : others.first, place, i);
    }
  }
  return false;
}

void AddressTable::visit(std::uint32_t bucket, Place from, std::size_t parent) {
  if (visited_in_[bucket] == search_) return;
  visited_in_[bucket] = search_;
  visits_.push_back({bucket, from, parent});
}

void AddressTable::place(std::span<const AddressChange> changes, Part part) {
  const auto belongs = [part](const AddressChange& change) {
    const bool first = change.order == AddressOrder::any ? change.present : change.order == AddressOrder::before_switch;
    return part == Part::all || first == (part == Part::until_switch);
  };
  for (const AddressChange& change : changes) {
    if (!change.present || !belongs(change)) continue;
    const Occupant occupant = occupant_of(change);
    const Place place = *locate(occupant);
    if (change.sets != 0) {
      put(place, occupant, kStood);
    } else {
      remove(place);
    }
  }
  for (const AddressChange& change : changes) {
    if (change.present || !belongs(change)) continue;
    if (!add(occupant_of(change))) {
      throw Conflict("address sets: no place for " + address_of(change.key, change.family).text() +
                     " in a table with " + std::to_string(size_) + " single addresses; there is room for about " +
                     std::to_string(size_max()));
    }
  }
}

AddressTable::Occupant AddressTable::occupant_of(const AddressChange& change) {
  return {table_key(change.key, change.family), change.sets};
}

void AddressTable::end_part() {
  for (const Touched& touched : touched_) {
    use_[touched.place] = kStood;
  }
}

void AddressTable::roll_back(std::span<const Touched> places) {
  for (const Touched& touched : places) {
    const std::uint32_t i = touched.place % ADDRESSES_PER_BUCKET;
    address_bucket& bucket = image_[touched.place / ADDRESSES_PER_BUCKET];
    size_ -= bucket.sets[i] != 0 ? 1 : 0;
    size_ += touched.before.sets != 0 ? 1 : 0;
    set(bucket, i, touched.before);
    use_[touched.place] = kStood;
  }
}

void AddressTable::schedule(std::size_t first_step, AddressPlan& plan) {
  if (touched_.empty()) return;
  std::sort(touched_.begin(), touched_.end(), [](const Touched& a, const Touched& b) { return a.place < b.place; });
  // Most updates belong to the first step. Reserving avoids copies of up to a million updates.
  plan.steps.resize(first_step + 1);
  plan.steps.back().reserve(std::min(2 * touched_.size(), 2 * image_.size()));
  for (std::size_t i = 0; i < touched_.size();) {
    const std::uint32_t bucket = touched_[i].place / ADDRESSES_PER_BUCKET;
    std::size_t end = i;
    while (end < touched_.size() && touched_[end].place / ADDRESSES_PER_BUCKET == bucket) ++end;
    write_bucket(std::span(touched_).subspan(i, end - i), first_step, plan);
    i = end;
  }
}

// Returns the step after all addresses are in place that must be present before the switch.
std::size_t AddressTable::first_switch_step(std::span<const AddressChange> changes) {
  std::size_t step = 0;
  for (const AddressChange& change : changes) {
    if (change.order == AddressOrder::before_switch) {
      step = std::max<std::size_t>(step, fill_step(touched_at(*locate(occupant_of(change)))) + 1);
    }
  }
  return step;
}

AddressTable::Touched& AddressTable::touched_at(Place place) {
  return *std::lower_bound(touched_.begin(), touched_.end(), place,
                           [](const Touched& touched, Place wanted) { return touched.place < wanted; });
}

// Returns the step from which no program needs the former occupant here: after its move, or when it is removed.
std::uint32_t AddressTable::leave_step(Touched& touched) {
  std::vector<Touched*> chain{&touched};
  while (!chain.back()->leave_step) {
    Touched& last = *chain.back();
    const auto moved_to = locate(last.before);
    if (!moved_to) {
      last.leave_step = 0;
      break;
    }
    Touched& target = touched_at(*moved_to);
    if (target.before.sets == 0) {
      last.leave_step = 1;
      break;
    }
    chain.push_back(&target);
  }
  for (std::size_t i = chain.size() - 1; i-- > 0;) {
    chain[i]->leave_step = *chain[i + 1]->leave_step + (overwrites(*chain[i + 1]) ? 1 : 2);
  }
  return *touched.leave_step;
}

std::uint32_t AddressTable::fill_step(Touched& touched) {
  if (touched.before.sets == 0) return 0;
  return leave_step(touched) + (overwrites(touched) ? 0 : 1);
}

// Two IPv4 addresses in the same sets differ in one word, so a concurrent reader finds one or the other. The place can
// be overwritten at once, which saves a step for each move; moves occur when a set is nearly full. The place of a
// removed address still waits a step.
bool AddressTable::overwrites(const Touched& touched) const {
  const Occupant after = at(touched.place);
  return touched.before.sets == after.sets && is_ipv4_in_table(touched.before.key) && is_ipv4_in_table(after.key) &&
         locate(touched.before).has_value();
}

void AddressTable::write_bucket(std::span<Touched> places, std::size_t first_step, AddressPlan& plan) {
  const std::uint32_t index = places.front().place / ADDRESSES_PER_BUCKET;
  address_bucket value = image_[index];
  operations_.clear();
  for (Touched& touched : places) {
    const std::uint32_t i = touched.place % ADDRESSES_PER_BUCKET;
    const Occupant& before = touched.before;
    const Occupant after = at(touched.place);
    set(value, i, before);
    const bool same = before.key == after.key;
    if (before == after || (before.sets == 0 && after.sets == 0)) continue;
    if (before.sets != 0 && after.sets != 0 && same) {
      operations_.push_back({0, i, false, after});
      continue;
    }
    if (before.sets != 0 && overwrites(touched)) {
      operations_.push_back({fill_step(touched), i, false, after});
      continue;
    }
    if (before.sets != 0) {
      operations_.push_back({leave_step(touched), i, false, {before.key, 0}});
    }
    if (after.sets != 0) {
      operations_.push_back({fill_step(touched), i, true, after});
    }
  }
  const auto end = operations_.end();
  std::sort(operations_.begin(), end, [](const Operation& a, const Operation& b) { return a.step < b.step; });
  for (auto from = operations_.begin(); from != end;) {
    const auto to = std::find_if(from, end, [from](const Operation& o) { return o.step != from->step; });
    const std::size_t step = first_step + from->step;
    if (plan.steps.size() <= step) {
      plan.steps.resize(step + 1);
    }
    auto& updates = plan.steps[step];
    if (std::any_of(from, to, [](const Operation& o) { return o.fills; })) {
      for (auto o = from; o != to; ++o) {
        if (o->fills) {
          set(value, o->place, {o->after.key, 0});
        }
      }
      updates.push_back({index, value});
    }
    for (; from != to; ++from) {
      set(value, from->place, from->after);
    }
    updates.push_back({index, value});
  }
}

}  // namespace nicsentry
