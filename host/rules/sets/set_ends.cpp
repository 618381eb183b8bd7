// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/set_ends.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace nicsentry {
namespace {

constexpr std::size_t kAlwaysAllowed = 1024;

}  // namespace

void SetEnds::note(const SetChange& change) {
  for (std::size_t family = 0; family < kFamilies; ++family) {
    for (const auto* members : {&change.added[family], &change.renewed[family]}) {
      for (const SetMember& member : *members) {
        if (member.ends == kNever) continue;
        heap_.push_back({member.ends, change.set->bit, family, member.first, member.last});
        std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
      }
    }
  }
}

void SetEnds::tidy(const Sets& sets) {
  if (heap_.size() > 2 * tidied_size_ + kAlwaysAllowed) {
    std::erase_if(heap_, [&](const End& end) { return !holds(end, sets); });
    std::sort(heap_.begin(), heap_.end());
    heap_.erase(std::unique(heap_.begin(), heap_.end()), heap_.end());
    tidied_size_ = heap_.size();
  }
  while (!heap_.empty() && !holds(heap_.front(), sets)) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
}

std::optional<TimestampNs> SetEnds::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::vector<SetEnds::End> SetEnds::until(TimestampNs now, const Sets& sets) const {
  std::vector<End> ends;
  // The heap's order: no child ends before its parent.
  std::vector<std::size_t> ways{0};
  while (!ways.empty()) {
    const std::size_t i = ways.back();
    ways.pop_back();
    if (i >= heap_.size() || heap_[i].at > now) continue;
    if (holds(heap_[i], sets)) {
      ends.push_back(heap_[i]);
    }
    ways.push_back(2 * i + 1);
    ways.push_back(2 * i + 2);
  }
  std::sort(ends.begin(), ends.end(), [](const End& a, const End& b) {
    return std::tie(a.bit, a.family, a.first, a.last) < std::tie(b.bit, b.family, b.first, b.last);
  });
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

bool SetEnds::holds(const End& end, const Sets& sets) {
  const AddressSet* set = sets[end.bit];
  if (set == nullptr) return false;
  const SetMember* member = set->members[end.family].find({end.first, end.last});
  return member != nullptr && member->ends == end.at;
}

}  // namespace nicsentry
