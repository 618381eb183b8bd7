// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/session_table.h"

#include <algorithm>
#include <bit>
#include <string>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// Longest path in moves. The breadth of the search doubles with each move, so it visits at most 2^(this + 2) buckets.
constexpr unsigned kMovesMax = 10;

}  // namespace

unsigned bucket_bits_for(std::uint64_t sessions) {
  if (sessions == 0) throw Error("a session table for 0 sessions: at least 1 is needed");
  const std::uint64_t most = (std::uint64_t{1} << kBucketBitsMax) * 5 / 3;
  if (sessions > most) {
    throw Error("a session table for " + std::to_string(sessions) + " sessions: at most " + std::to_string(most) +
                " can be addressed");
  }
  const std::uint64_t buckets = (sessions * 3 + 4) / 5;  // 0.6 each, rounded up
  return std::max(kBucketBitsMin, static_cast<unsigned>(std::countr_zero(std::bit_ceil(buckets))));
}

SessionTable::SessionTable(unsigned bucket_bits)
    : bucket_bits_(bucket_bits),
      image_(std::size_t{1} << bucket_bits),
      uses_(image_.size() * SLOTS_PER_BUCKET),
      visited_in_(image_.size()) {}

InsertResult SessionTable::insert(const Fingerprint& fingerprint, std::uint32_t counter,
                                  std::vector<BucketWrite>& writes, std::uint32_t states) {
  if (locate(fingerprint)) return InsertResult::fingerprint_met_twice;
  std::optional<Place> kept;
  if (const auto found = waiting_.find(fingerprint); found != waiting_.end()) {
    if (found->second.counter != counter) return InsertResult::fingerprint_met_twice;
    kept = found->second.kept;
  }
  if (const auto room = own_room(fingerprint, kept)) {
    forget(fingerprint);
    const auto words = fingerprint.words();
    session_slot entry{};
    std::copy(words.begin(), words.end(), entry.fingerprint);
    entry.counter = counter;
    entry.state = SLOT_VALID | states;
    fill(*room, entry, writes);
    return InsertResult::placed;
  }
  if (kept && uses_[*kept].resting) return InsertResult::waiting;

  const auto step = shortest_path(fingerprint, kept);
  forget(fingerprint);
  if (!step) return InsertResult::no_room;
  Place won = step->room;
  if (step->from && !uses_[step->room].resting) {
    won = *step->from;
    fill(step->room, slot(won), writes);
    vacate(won, writes);
  }
  uses_[won].kept = true;
  waiting_[fingerprint] = {counter, won};
  return InsertResult::waiting;
}

void SessionTable::forget(const Fingerprint& fingerprint) {
  const auto found = waiting_.find(fingerprint);
  if (found == waiting_.end()) return;
  uses_[found->second.kept].kept = false;
  waiting_.erase(found);
}

bool SessionTable::erase(const Fingerprint& fingerprint, std::vector<BucketWrite>& writes) {
  const auto place = locate(fingerprint);
  if (!place) return false;
  vacate(*place, writes);
  return true;
}

bool SessionTable::mute(const Fingerprint& fingerprint, std::uint32_t epoch, std::vector<BucketWrite>& writes) {
  const auto place = locate(fingerprint);
  if (!place) return false;
  slot(*place).muted_epoch = epoch;
  append_write(*place, writes);
  return true;
}

bool SessionTable::set_states(const Fingerprint& fingerprint, std::uint32_t states, std::vector<BucketWrite>& writes) {
  const auto place = locate(fingerprint);
  if (!place) return false;
  slot(*place).state = SLOT_VALID | states;
  append_write(*place, writes);
  return true;
}

std::optional<std::uint32_t> SessionTable::find(const Fingerprint& fingerprint) const {
  const auto place = locate(fingerprint);
  if (!place) return std::nullopt;
  return slot(*place).counter;
}

std::vector<BucketWrite> SessionTable::clear_all() {
  while (!waiting_.empty()) forget(waiting_.begin()->first);
  std::vector<BucketWrite> writes;
  for (Place place = 0; place < uses_.size(); ++place) {
    if (uses_[place].live) vacate(place, writes);
  }
  return writes;
}

void SessionTable::release_rested(RestMark until) {
  while (!resting_.empty() && rests_begun_ - resting_.size() < until) {
    uses_[resting_.front()].resting = false;
    resting_.pop_front();
  }
}

SessionTable::BucketPlaces SessionTable::places_in(std::uint32_t bucket) {
  return {bucket * SLOTS_PER_BUCKET, bucket * SLOTS_PER_BUCKET + 1};
}

Fingerprint SessionTable::fingerprint_at(Place place) const { return Fingerprint::in(slot(place)); }

std::optional<SessionTable::Place> SessionTable::locate(const Fingerprint& fingerprint) const {
  const auto buckets = candidate_buckets(fingerprint, bucket_bits_);
  for (const std::uint32_t bucket : {buckets.first, buckets.second}) {
    for (const Place place : places_in(bucket)) {
      if (uses_[place].live && fingerprint_at(place) == fingerprint) return place;
    }
  }
  return std::nullopt;
}

// The slot is free, or it is `kept`, the caller's reserved one, and has rested.
bool SessionTable::has_room(Place place, std::optional<Place> kept) const {
  return uses_[place].free() || (kept == place && !uses_[place].resting);
}

std::optional<SessionTable::Place> SessionTable::room_in(std::uint32_t bucket, std::optional<Place> kept) const {
  for (const Place place : places_in(bucket)) {
    if (has_room(place, kept)) return place;
  }
  return std::nullopt;
}

std::optional<SessionTable::Place> SessionTable::resting_in(std::uint32_t bucket) const {
  for (const Place place : places_in(bucket)) {
    if (uses_[place].resting && !uses_[place].kept) return place;
  }
  return std::nullopt;
}

std::optional<SessionTable::Place> SessionTable::own_room(const Fingerprint& fingerprint,
                                                          std::optional<Place> kept) const {
  const auto buckets = candidate_buckets(fingerprint, bucket_bits_);
  const auto room = room_in(buckets.first, kept);
  return room ? room : room_in(buckets.second, kept);
}

// Searches breadth first. A resting slot costs one more quiescence than a free one, but no move: it is chosen unless a
// free slot is as near.
std::optional<SessionTable::Step> SessionTable::shortest_path(const Fingerprint& fingerprint,
                                                              std::optional<Place> kept) {
  if (++search_ == 0) {
    std::fill(visited_in_.begin(), visited_in_.end(), 0);
    search_ = 1;
  }
  visits_.clear();
  const auto buckets = candidate_buckets(fingerprint, bucket_bits_);
  visit(buckets.first, std::nullopt, 0);
  visit(buckets.second, std::nullopt, 0);
  std::optional<Step> rests;
  unsigned rests_after = 0;
  // By index: visits_ grows while it is walked.
  for (std::size_t i = 0; i < visits_.size(); ++i) {  // NOLINT(modernize-loop-convert)
    const Visit here = visits_[i];
    if (rests && here.moves > rests_after) return rests;
    if (const auto room = room_in(here.bucket, kept)) return Step{here.from, *room};
    if (const auto room = resting_in(here.bucket); room && !rests) {
      rests = Step{here.from, *room};
      rests_after = here.moves;
    }
    if (here.moves == kMovesMax) continue;
    for (const Place place : places_in(here.bucket)) {
      if (!uses_[place].live) continue;
      const auto others = candidate_buckets(fingerprint_at(place), bucket_bits_);
      visit(others.first == here.bucket ? others.second : others.first, place, here.moves + 1);
    }
  }
  return rests;
}

void SessionTable::visit(std::uint32_t bucket, std::optional<Place> from, unsigned moves) {
  if (visited_in_[bucket] == search_) return;
  visited_in_[bucket] = search_;
  visits_.push_back({bucket, from, moves});
}

void SessionTable::fill(Place place, const session_slot& entry, std::vector<BucketWrite>& writes) {
  slot(place) = entry;
  slot(place).state = 0;
  append_write(place, writes);
  slot(place).state = entry.state;
  append_write(place, writes);
  uses_[place].live = true;
  ++size_;
}

void SessionTable::vacate(Place place, std::vector<BucketWrite>& writes) {
  slot(place).state = 0;
  append_write(place, writes);
  uses_[place].live = false;
  uses_[place].resting = true;
  resting_.push_back(place);
  ++rests_begun_;
  --size_;
}

void SessionTable::append_write(Place place, std::vector<BucketWrite>& writes) const {
  const std::uint32_t bucket = place / SLOTS_PER_BUCKET;
  writes.push_back({bucket, image_[bucket]});
}

}  // namespace nicsentry
