// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/address_sets.h"

#include <algorithm>
#include <string>
#include <utility>

#include "host/base/closest_word.h"
#include "host/base/error.h"
#include "host/rules/sets/address_sets_content.h"

namespace nicsentry {
namespace {

using Spans = std::vector<std::pair<AddressKey, AddressKey>>;  // sorted, disjoint

std::vector<CoverEvent> cover_events(std::span<const SetChange> changes, std::size_t family) {
  std::vector<CoverEvent> events;
  for (const SetChange& change : changes) {
    const auto append = [&](const std::vector<SetMember>& members, std::int64_t by) {
      for (const SetMember& member : members) {
        if (member.single()) continue;
        events.push_back({member.first, change.set->bit, by});
        if (const auto end = following(member.last, family)) {
          events.push_back({*end, change.set->bit, -by});
        }
      }
    };
    append(change.added[family], 1);
    append(change.removed[family], -1);
  }
  std::sort(events.begin(), events.end(), [](const CoverEvent& a, const CoverEvent& b) { return a.key < b.key; });
  return events;
}

std::vector<AddressRange> ranges_of(const Families<std::vector<SetMember>>& members) {
  std::vector<AddressRange> ranges;
  for (std::size_t family = 0; family < kFamilies; ++family) {
    for (const SetMember& member : members[family]) {
      ranges.push_back({address_of(member.first, family), address_of(member.last, family)});
    }
  }
  return ranges;
}

Spans changed_spans(std::span<const SetChange> changes, std::size_t family) {
  Spans all;
  for (const SetChange& change : changes) {
    for (const auto* members : {&change.added[family], &change.removed[family]}) {
      for (const SetMember& member : *members) {
        if (!member.single()) {
          all.push_back(member.key());
        }
      }
    }
  }
  std::sort(all.begin(), all.end());
  Spans apart;
  for (const auto& span : all) {
    if (apart.empty() || apart.back().second < span.first) {
      apart.push_back(span);
    } else {
      apart.back().second = std::max(apart.back().second, span.second);
    }
  }
  return apart;
}

// Returns single addresses that are added or removed, and those that changed ranges cover.
std::vector<SingleChange> single_changes(std::span<const SetChange> changes, std::size_t family,
                                         const SortedRuns<Single>& singles) {
  std::vector<SingleChange> found;
  for (const SetChange& change : changes) {
    for (const auto* members : {&change.added[family], &change.removed[family]}) {
      for (const SetMember& member : *members) {
        if (member.single()) {
          found.push_back({member.first, SetMask{1} << change.set->bit});
        }
      }
    }
  }
  for (const auto& [first, last] : changed_spans(changes, family)) {
    singles.visit_from(first, [&, end = last](const Single& single) {
      if (end < single.address) return false;
      found.push_back({single.address, 0});
      return true;
    });
  }
  const auto less = [](const SingleChange& a, const SingleChange& b) { return a.address < b.address; };
  if (!std::is_sorted(found.begin(), found.end(), less)) {
    std::sort(found.begin(), found.end(), less);
  }
  std::size_t kept = 0;
  for (const SingleChange& change : found) {
    if (kept > 0 && found[kept - 1].address == change.address) {
      found[kept - 1].flips ^= change.flips;
    } else {
      found[kept++] = change;
    }
  }
  found.resize(kept);
  return found;
}

// Returns the blocks that only `before` has.
std::vector<const RangeBlock*> replaced_blocks(const RangeMap& before, const RangeMap& after) {
  std::vector<const RangeBlock*> replaced;
  // Blocks that stay are in the same order in both.
  auto next = after.blocks().begin();
  for (const auto& block : before.blocks()) {
    next = std::find_if(next, after.blocks().end(), [&](const auto& candidate) {
      return !(candidate->boundaries.front().key < block->boundaries.front().key);
    });
    if (next == after.blocks().end() || *next != block) {
      replaced.push_back(block.get());
    }
  }
  return replaced;
}

}  // namespace

AddressSet* AddressSets::Content::find(const std::string& name) const {
  const auto found = std::find_if(sets.begin(), sets.end(), [&](const auto& set) { return set->name == name; });
  return found != sets.end() ? found->get() : nullptr;
}

AddressSet& AddressSets::Content::get(const std::string& name) const {
  if (AddressSet* set = find(name)) return *set;
  std::string there;
  std::vector<std::string> names;
  names.reserve(sets.size());
  for (const auto& set : sets) {
    there += (there.empty() ? "" : ", ") + set->name;
    names.push_back(set->name);
  }
  const auto meant = closest_word(name, names);
  throw NotFound("address set '" + name + "': there is no such set; existing sets: " + there +
                 (meant ? "; did you mean '" + *meant + "'?" : ""));
}

SetEnds::Sets AddressSets::Content::by_bit() const {
  SetEnds::Sets found{};
  for (const auto& set : sets) {
    found[set->bit] = set.get();
  }
  return found;
}

// Does everything that can fail before it changes anything.
SetUpdate AddressSets::Content::apply(std::span<const SetChange> changes) {
  Draft draft(classes);
  for (std::size_t family = 0; family < kFamilies; ++family) {
    draft.singles[family] = single_changes(changes, family, singles[family]);
    draft_ranges(changes, family, draft);
    draft_singles(family, draft);
  }
  const std::size_t singles_before = table.size();
  AddressPlan plan;
  try {
    for (std::size_t family = 0; family < kFamilies; ++family) {
      if (draft.ranges[family]) {
        draft.tops[family] = nodes.build(*draft.ranges[family], family, draft.classes, draft.nodes);
      }
    }
    nodes.check(draft.replaced_nodes.size());
    plan = table.change(draft.addresses);
  } catch (...) {
    nodes.roll_back();
    throw;
  }
  draft.addresses = {};
  commit(changes, draft);
  SetUpdate update = update_of(std::move(draft.nodes), std::move(plan), singles_before);
  if (notes_entries) {
    for (const SetChange& change : changes) {
      update.entries.push_back({change.set->name, ranges_of(change.added), ranges_of(change.removed)});
    }
  }
  return update;
}

void AddressSets::Content::draft_ranges(std::span<const SetChange> changes, std::size_t family, Draft& draft) const {
  const std::vector<CoverEvent> events = cover_events(changes, family);
  if (events.empty()) return;
  draft.ranges[family] = ranges[family].changed(events);
  for (const auto& block : draft.ranges[family]->blocks()) {
    if (block->built) continue;
    for (const CoverBoundary& boundary : block->boundaries) {
      draft.classes.acquire(boundary.cover.mask);
    }
  }
  for (const RangeBlock* block : replaced_blocks(ranges[family], *draft.ranges[family])) {
    draft.replaced_nodes.insert(draft.replaced_nodes.end(), block->nodes.begin(), block->nodes.end());
  }
  draft.replaced_nodes.insert(draft.replaced_nodes.end(), tops[family].nodes.begin(), tops[family].nodes.end());
}

void AddressSets::Content::draft_singles(std::size_t family, Draft& draft) const {
  const RangeMap& old_ranges = ranges[family];
  const RangeMap& new_ranges = draft.ranges[family] ? *draft.ranges[family] : old_ranges;
  for (const SingleChange& change : draft.singles[family]) {
    const Single* single = singles[family].find(change.address);
    const SetMask before = single != nullptr ? single->sets : 0;
    const SetMask after = before ^ change.flips;
    const SetMask around_before = old_ranges.mask_at(change.address);
    const SetMask around_after = draft.ranges[family] ? new_ranges.mask_at(change.address) : around_before;
    AddressChange wanted{change.address, 0, static_cast<std::uint8_t>(family), AddressOrder::any, before != 0};
    if (after != 0) {
      wanted.sets = draft.classes.acquire(after | around_after);
    }
    if (around_before != around_after && before == 0 && around_before != 0) {
      wanted.order = AddressOrder::before_switch;
    } else if (around_before != around_after && after == 0 && around_after != 0) {
      wanted.order = AddressOrder::after_switch;
    }
    const bool both = before != 0 && after != 0;
    if (!both || (before | around_before) != (after | around_after)) {
      draft.addresses.push_back(wanted);
    }
  }
}

void AddressSets::Content::commit(std::span<const SetChange> changes, Draft& draft) {
  for (std::size_t family = 0; family < kFamilies; ++family) {
    for (const SingleChange& change : draft.singles[family]) {
      Single* single = singles[family].find(change.address);
      if (single != nullptr) {
        draft.classes.release(single->sets | ranges[family].mask_at(change.address));
      }
      if (change.flips == 0) continue;
      if (single == nullptr) {
        singles[family].insert({change.address, change.flips});
      } else if ((single->sets ^= change.flips) == 0) {
        singles[family].erase(change.address);
      }
    }
    if (draft.ranges[family]) {
      for (const RangeBlock* block : replaced_blocks(ranges[family], *draft.ranges[family])) {
        for (const CoverBoundary& boundary : block->boundaries) {
          draft.classes.release(boundary.cover.mask);
        }
      }
      ranges[family] = std::move(*draft.ranges[family]);
      tops[family] = std::move(draft.tops[family]);
    }
    draft.singles[family] = {};
  }
  nodes.commit(draft.replaced_nodes);
  classes = std::move(draft.classes);
  for (const SetChange& change : changes) {
    perform(change);
    ends.note(change);
  }
  ends.tidy(by_bit());
}

SetUpdate AddressSets::Content::update_of(std::vector<SetUpdate::NodeUpdate> new_nodes, AddressPlan plan,
                                          std::size_t singles_before) {
  SetUpdate update;
  update.new_classes = classes.take_new();
  for (auto& buckets : plan.steps) {
    update.steps.emplace_back().buckets = std::move(buckets);
  }
  const bool switched = tops[kIpv4].root != control.set_roots[kIpv4] || tops[kIpv6].root != control.set_roots[kIpv6];
  if (switched && update.steps.size() <= plan.switch_step) {
    update.steps.resize(plan.switch_step + 1);
  }
  if (singles_before == 0 && table.size() != 0) {
    control.buckets = table.buckets();
    update.steps.front().control = control;
  }
  if (switched) {
    control.set_roots[kIpv4] = tops[kIpv4].root;
    control.set_roots[kIpv6] = tops[kIpv6].root;
    update.steps[plan.switch_step].nodes = std::move(new_nodes);
    update.steps[plan.switch_step].control = control;
  }
  if (singles_before != 0 && table.size() == 0) {
    control.buckets = 0;
    update.steps.back().control = control;
  }
  return update;
}

AddressSets::AddressSets(const Room& room, const std::array<std::uint32_t, FIREWALL_KEYS>& keys)
    : content_(std::make_unique<Content>(room, keys)) {
  create(kBlockedSet);
  create(kAllowedSet);
}

AddressSets::~AddressSets() = default;
AddressSets::AddressSets(AddressSets&&) noexcept = default;
AddressSets& AddressSets::operator=(AddressSets&&) noexcept = default;

void AddressSets::note_entries() { content_->notes_entries = true; }

bool AddressSets::exists(const std::string& name) const { return content_->find(name) != nullptr; }

std::vector<std::string> AddressSets::names() const {
  std::vector<std::string> names;
  for (const auto& set : content_->sets) {
    names.push_back(set->name);
  }
  return names;
}

std::optional<unsigned> AddressSets::bit(const std::string& name) const {
  const AddressSet* set = content_->find(name);
  return set != nullptr ? std::optional(set->bit) : std::nullopt;
}

std::size_t AddressSets::size(const std::string& name) const {
  const auto& members = content_->get(name).members;
  return members[kIpv4].size() + members[kIpv6].size();
}

std::vector<SetEntry> AddressSets::entries(const std::string& name) const {
  const AddressSet& set = content_->get(name);
  std::vector<SetEntry> entries;
  entries.reserve(size(name));
  for (std::size_t family = 0; family < kFamilies; ++family) {
    set.members[family].visit_all([&](const SetMember& member) {
      const auto end = member.ends != kNever ? std::optional(member.ends) : std::nullopt;
      entries.push_back({{address_of(member.first, family), address_of(member.last, family)}, end});
    });
  }
  return entries;
}

bool AddressSets::contains(const std::string& name, const IpAddress& address) const {
  const SetMask bit = SetMask{1} << content_->get(name).bit;
  const std::size_t family = family_of(address);
  const AddressKey key = address_key(address);
  const Single* single = content_->singles[family].find(key);
  return ((single != nullptr ? single->sets : 0) & bit) != 0 || (content_->ranges[family].mask_at(key) & bit) != 0;
}

std::optional<SetEntry> AddressSets::entry(const std::string& name, const AddressRange& range) const {
  const SetMember* member =
      content_->get(name).members[family_of(range.first)].find({address_key(range.first), address_key(range.last)});
  if (member == nullptr) return std::nullopt;
  return SetEntry{range, member->ends != kNever ? std::optional(member->ends) : std::nullopt};
}

std::optional<AddressRange> AddressSets::wider_entry(const std::string& name, const AddressRange& range) const {
  if (!contains(name, range.first) || !contains(name, range.last)) {
    return std::nullopt;
  }
  const std::size_t family = family_of(range.first);
  const AddressKey first = address_key(range.first);
  const AddressKey last = address_key(range.last);
  std::optional<AddressRange> wider;
  content_->get(name).members[family].visit_from({}, [&](const SetMember& entry) {
    if (first < entry.first) {
      return false;
    }
    if (!(entry.last < last) && (entry.first < first || last < entry.last)) {
      wider = AddressRange{address_of(entry.first, family), address_of(entry.last, family)};
    }
    return !wider;
  });
  return wider;
}

std::size_t AddressSets::narrower_entries(const std::string& name, const AddressRange& range) const {
  const AddressKey first = address_key(range.first);
  const AddressKey last = address_key(range.last);
  std::size_t found = 0;
  content_->get(name).members[family_of(range.first)].visit_from({first, first}, [&](const SetMember& entry) {
    const bool itself = entry.first == first && entry.last == last;
    found += !(last < entry.last) && !itself ? 1 : 0;
    return !(last < entry.first);
  });
  return found;
}

void AddressSets::create(const std::string& name) {
  if (exists(name)) throw Conflict("address set '" + name + "': it exists already");
  const SetEnds::Sets by_bit = content_->by_bit();
  const auto unused = std::find(by_bit.begin(), by_bit.end(), nullptr);
  if (unused == by_bit.end()) {
    throw Conflict("address set '" + name + "': there are " + std::to_string(by_bit.size()) +
                   " sets already; at most " + std::to_string(kSetsMax) + " are possible, with '" + kBlockedSet +
                   "' and '" + kAllowedSet + "'");
  }
  auto set = std::make_unique<AddressSet>();
  set->name = name;
  set->bit = static_cast<unsigned>(unused - by_bit.begin());
  content_->sets.push_back(std::move(set));
}

SetUpdate AddressSets::remove(const std::string& name) {
  AddressSet& set = content_->get(name);
  if (built_in(name)) throw Conflict("address set '" + name + "': it is built in; it can only be emptied");
  const std::array changes{clearing(set)};
  SetUpdate update = content_->apply(changes);
  std::erase_if(content_->sets, [&](const auto& candidate) { return candidate.get() == &set; });
  content_->ends.tidy(content_->by_bit());
  return update;
}

void AddressSets::swap_names(const std::string& one, const std::string& other) {
  if (built_in(one) || built_in(other)) throw Conflict("address set '" + one + "': a built-in set keeps its name");
  AddressSet& first = content_->get(one);
  AddressSet& second = content_->get(other);
  std::swap(first.name, second.name);
  const auto place = [this](const AddressSet& set) {
    return std::find_if(content_->sets.begin(), content_->sets.end(),
                        [&set](const auto& candidate) { return candidate.get() == &set; });
  };
  std::iter_swap(place(first), place(second));
}

SetUpdate AddressSets::add(const std::string& name, std::span<const SetEntry> entries, std::size_t* done) {
  const std::array changes{adding(content_->get(name), entries)};
  SetUpdate update = content_->apply(changes);
  if (done != nullptr) {
    *done = changes[0].added[kIpv4].size() + changes[0].added[kIpv6].size();
  }
  return update;
}

SetUpdate AddressSets::remove_entries(const std::string& name, std::span<const AddressRange> ranges,
                                      std::size_t* done) {
  const std::array changes{removing(content_->get(name), ranges)};
  SetUpdate update = content_->apply(changes);
  if (done != nullptr) {
    *done = changes[0].removed[kIpv4].size() + changes[0].removed[kIpv6].size();
  }
  return update;
}

SetUpdate AddressSets::replace(const std::string& name, std::span<const SetEntry> entries) {
  const std::array changes{replacing(content_->get(name), entries)};
  return content_->apply(changes);
}

SetUpdate AddressSets::expire(TimestampNs now_ns) {
  const SetEnds::Sets sets = content_->by_bit();
  std::vector<SetChange> changes;
  for (const SetEnds::End& end : content_->ends.until(now_ns, sets)) {
    if (changes.empty() || changes.back().set->bit != end.bit) {
      changes.emplace_back(*sets[end.bit]);
    }
    changes.back().removed[end.family].push_back({end.first, end.last, end.at});
  }
  return content_->apply(changes);
}

std::optional<TimestampNs> AddressSets::next_end() const { return content_->ends.next(); }

const std::vector<SetMask>& AddressSets::classes() const { return content_->classes.masks(); }

std::array<std::uint32_t, FIREWALL_KEYS> AddressSets::keys() const { return std::to_array(content_->control.keys); }

SetUpdate AddressSets::whole(Maps maps) const {
  SetUpdate update;
  if (maps == Maps::unknown) {
    fw_config& off = update.steps.emplace_back().control.emplace(content_->control);
    off.buckets = 0;
    off.set_roots[kIpv4] = off.set_roots[kIpv6] = INTERVAL_LEAF;
  }
  SetUpdate::Step& step = update.steps.emplace_back();
  for (std::size_t family = 0; family < kFamilies; ++family) {
    for (const auto& block : content_->ranges[family].blocks()) {
      content_->nodes.append_all(block->nodes, step.nodes);
    }
    content_->nodes.append_all(content_->tops[family].nodes, step.nodes);
  }
  const auto& image = content_->table.image();
  for (std::uint32_t i = 0; i < image.size(); ++i) {
    const auto& sets = image[i].sets;
    if (maps == Maps::unknown || std::any_of(std::begin(sets), std::end(sets), [](auto word) { return word != 0; })) {
      step.buckets.push_back({i, image[i]});
    }
  }
  step.control = content_->control;
  update.new_classes = content_->classes.in_use();
  return update;
}

}  // namespace nicsentry
