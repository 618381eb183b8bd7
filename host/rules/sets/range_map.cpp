// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/range_map.h"

#include <algorithm>
#include <iterator>

namespace nicsentry {
namespace {

// Number of boundaries in a block. A change writes the nodes of a whole block, and of the tree over all blocks.
constexpr std::size_t kBlockMax = 512;
constexpr std::size_t kBlockUsual = 384;
constexpr std::size_t kBlockSmall = 96;

using Boundaries = std::vector<CoverBoundary>;
using Changes = std::vector<std::pair<std::uint32_t, std::int64_t>>;  // change of each set's count, never 0

void apply(const CoverEvent& event, Changes& changes) {
  const auto found =
      std::find_if(changes.begin(), changes.end(), [&](const auto& change) { return change.first == event.set; });
  if (found == changes.end()) {
    changes.emplace_back(event.set, event.by);
  } else if ((found->second += event.by) == 0) {
    changes.erase(found);
  }
}

void append(const AddressKey& key, const Cover& before, const Changes& changes, Boundaries& boundaries) {
  Cover cover = before;
  for (const auto& [set, by] : changes) {
    cover.change(set, by);
  }
  if (boundaries.empty() || boundaries.back().cover != cover) {
    boundaries.push_back({key, std::move(cover)});
  }
}

// Merges a block's boundaries with those `events` that lie in the block, and appends the result. Returns the other
// events.
std::span<const CoverEvent> merge(const RangeBlock& block, const AddressKey* end, std::span<const CoverEvent> events,
                                  Changes& changes, Boundaries& merged) {
  const Boundaries& old = block.boundaries;
  std::size_t next = 0;
  const Cover* before = &old.front().cover;
  for (;;) {
    const bool has_event = !events.empty() && (end == nullptr || events.front().key < *end);
    if (next == old.size() && !has_event) return events;
    const bool old_first = next < old.size() && (!has_event || old[next].key <= events.front().key);
    const AddressKey key = old_first ? old[next].key : events.front().key;
    if (old_first) {
      before = &old[next++].cover;
    }
    while (!events.empty() && events.front().key == key) {
      apply(events.front(), changes);
      events = events.subspan(1);
    }
    append(key, *before, changes, merged);
  }
}

void add_block(Boundaries boundaries, RangeMap::Blocks& blocks) {
  blocks.push_back(std::make_shared<RangeBlock>());
  blocks.back()->boundaries = std::move(boundaries);
}

// Cuts consecutive boundaries into blocks.
void add_blocks(Boundaries boundaries, RangeMap::Blocks& blocks) {
  if (boundaries.size() < kBlockSmall && !blocks.empty() &&
      blocks.back()->boundaries.size() + boundaries.size() <= kBlockUsual) {
    Boundaries joined = blocks.back()->boundaries;
    blocks.pop_back();
    const bool same = joined.back().cover == boundaries.front().cover;
    std::move(boundaries.begin() + (same ? 1 : 0), boundaries.end(), std::back_inserter(joined));
    boundaries = std::move(joined);
  }
  if (boundaries.size() <= kBlockMax) {
    add_block(std::move(boundaries), blocks);
    return;
  }
  for (std::size_t i = 0; i < boundaries.size();) {
    std::size_t end = boundaries.size() - i < kBlockMax ? boundaries.size() : i + kBlockUsual;
    while (end < boundaries.size() && boundaries[end].key.high == boundaries[end - 1].key.high) ++end;
    Boundaries part;
    part.reserve(end - i + 1);
    if (boundaries[i].key.low != 0) {
      part.push_back({{boundaries[i].key.high, 0}, boundaries[i - 1].cover});
    }
    part.insert(part.end(), boundaries.begin() + static_cast<std::ptrdiff_t>(i),
                boundaries.begin() + static_cast<std::ptrdiff_t>(end));
    add_block(std::move(part), blocks);
    i = end;
  }
}

}  // namespace

void Cover::change(std::uint32_t set, std::int64_t by) {
  const SetMask bit = SetMask{1} << set;
  const auto at = std::lower_bound(more.begin(), more.end(), set,
                                   [](const auto& counted, std::uint32_t wanted) { return counted.first < wanted; });
  const bool many = at != more.end() && at->first == set;
  const std::int64_t one = (mask & bit) != 0 ? 1 : 0;
  const std::int64_t count = (many ? at->second : one) + by;
  mask = count > 0 ? mask | bit : mask & ~bit;
  if (many && count > 1) {
    at->second = count;
  } else if (many) {
    more.erase(at);
  } else if (count > 1) {
    more.insert(at, {set, count});
  }
}

RangeMap::RangeMap() {
  add_block({CoverBoundary{}}, blocks_);
  blocks_.front()->built = true;
}

RangeMap RangeMap::changed(std::span<const CoverEvent> events) const {
  Blocks blocks;
  blocks.reserve(blocks_.size());
  Changes changes;
  Boundaries merged;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const AddressKey* end = i + 1 < blocks_.size() ? &blocks_[i + 1]->boundaries.front().key : nullptr;
    const bool has_event = !events.empty() && (end == nullptr || events.front().key < *end);
    if (changes.empty() && !has_event) {
      if (!merged.empty()) {
        add_blocks(std::exchange(merged, {}), blocks);
      }
      blocks.push_back(blocks_[i]);
      continue;
    }
    events = merge(*blocks_[i], end, events, changes, merged);
  }
  if (!merged.empty()) {
    add_blocks(std::move(merged), blocks);
  }
  return RangeMap(std::move(blocks));
}

RangeMap RangeMap::unbuilt() const {
  Blocks blocks;
  blocks.reserve(blocks_.size());
  for (const auto& block : blocks_) {
    add_block(block->boundaries, blocks);
  }
  return RangeMap(std::move(blocks));
}

SetMask RangeMap::mask_at(const AddressKey& key) const {
  const auto block =
      std::upper_bound(blocks_.begin(), blocks_.end(), key,
                       [](const AddressKey& wanted, const auto& b) { return wanted < b->boundaries.front().key; }) -
      1;
  const Boundaries& boundaries = (*block)->boundaries;
  const auto boundary =
      std::upper_bound(boundaries.begin(), boundaries.end(), key,
                       [](const AddressKey& wanted, const CoverBoundary& b) { return wanted < b.key; }) -
      1;
  return boundary->cover.mask;
}

}  // namespace nicsentry
