// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/set_mask.h"

namespace nicsentry {

constexpr const char* kBlockedSet = "blocked";

// What a set holds of one range, and until when.
struct SetEntry {
  AddressRange range;
  std::optional<TimestampNs> expires_ns;

  bool operator==(const SetEntry&) const = default;
};

// Updates of the maps that bring a change of sets about, to be performed step by step: within a step nodes, buckets,
// then control, each in their order; and after each step, the last one, too, a wait until no packet can hold what it
// read before (a quiescence).
struct SetUpdate {
  struct BucketUpdate {
    std::uint32_t index = 0;  // of set_addresses
    address_bucket value{};
  };
  struct NodeUpdate {
    std::uint32_t index = 0;  // of interval_nodes
    interval_node value{};
  };
  struct Step {
    std::vector<NodeUpdate> nodes;
    std::vector<BucketUpdate> buckets;
    std::optional<firewall> control;  // set_roots, buckets and keys; config is 0
  };
  std::vector<Step> steps;
  // Classes that entries of this update are the first to have: their rows must be in force before step 0.
  std::vector<std::uint32_t> new_classes;
};

// All address sets: who is in which, and the host's image of `set_addresses` and of the sets' part of
// `interval_nodes`, one for all attachments. Throws Error, and then nothing is changed. Not for several threads at
// once.
class AddressSets {
 public:
  struct Room {
    std::uint32_t buckets = 0;     // of set_addresses
    std::uint32_t nodes = 0;       // of the sets' part of interval_nodes; half of them are in use at most
    std::uint32_t first_node = 0;  // where that part begins
  };
  AddressSets(const Room& room, const std::array<std::uint32_t, FIREWALL_KEYS>& keys);
  ~AddressSets();
  AddressSets(AddressSets&&) noexcept;
  AddressSets& operator=(AddressSets&&) noexcept;

  bool exists(const std::string& name) const;
  std::vector<std::string> names() const;                      // in order of their making; "blocked" is always there
  std::optional<unsigned> bit(const std::string& name) const;  // of the set in a SetMask
  std::size_t size(const std::string& name) const;             // entries
  std::vector<SetEntry> entries(const std::string& name) const;
  bool contains(const std::string& name, const IpAddress& address) const;
  bool has_entry(const std::string& name, const AddressRange& range) const;  // exactly this one
  // An entry with all of the range and more. Looks at all that begin before it, where there can be one.
  std::optional<AddressRange> wider_entry(const std::string& name, const AddressRange& range) const;

  void create(const std::string& name);  // empty; at most kSetsMax
  SetUpdate remove(const std::string& name);
  // Adding what is there changes only its end; taking away what is not there changes nothing. Takes away exactly the
  // entries named: an address out of a prefix in the set stays in it. `done`: how many entries came or went.
  SetUpdate add(const std::string& name, std::span<const SetEntry> entries, std::size_t* done = nullptr);
  SetUpdate take(const std::string& name, std::span<const AddressRange> ranges, std::size_t* done = nullptr);
  // Makes the set's content exactly this; what stays is not touched.
  SetUpdate replace(const std::string& name, std::span<const SetEntry> entries);
  // Takes away what ended until now; `next_end()` is when the next one does.
  SetUpdate expire(TimestampNs now_ns);
  std::optional<TimestampNs> next_end() const;

  // Which combinations of sets there are: the mask of each class, by its number; class 0 is none. Numbers stay.
  const std::vector<SetMask>& classes() const;

  // The names of each class's sets, by its number: with them another AddressSets can go on from what this one wrote.
  std::vector<std::vector<std::string>> class_names() const;
  // What another one has in force on a program, as it stands in the maps; a change of it may be half done.
  struct InForce {
    firewall control{};
    std::vector<address_bucket> buckets;
    std::vector<std::uint32_t> nodes;  // that set_roots lead to

    bool operator==(const InForce& other) const;
  };
  // Goes on from there, with its keys, places and numbers of classes: who is in a set before and after is in it at
  // every moment. Comes before any other update, and after whole() updates nothing but maps that this update was
  // performed on. `class_names`: the other one's. Throws Error where there is no room for both.
  SetUpdate take_over(const InForce& former, const std::vector<std::vector<std::string>>& class_names);

  std::array<std::uint32_t, FIREWALL_KEYS> keys() const;

  // Everything, for maps that are all zero; or for maps of which nothing is known: then no address is in any set until
  // the second step is done. Comes before any other update.
  enum class Maps : std::uint8_t { zero, unknown };
  SetUpdate whole(Maps maps = Maps::zero) const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace nicsentry
