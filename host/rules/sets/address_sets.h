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
// Its addresses are not blocked, whatever `blocked` has; rules judge them.
constexpr const char* kAllowedSet = "allowed";

// A range of a set, and when it expires.
struct SetEntry {
  AddressRange range;
  std::optional<TimestampNs> expires_ns;

  bool operator==(const SetEntry&) const = default;
};

// Updates of the maps for a change of sets, in steps. Within a step, perform nodes, then buckets, then control, each in
// their order. After each step, the last one included, wait for quiescence: no packet then uses what it read before.
struct SetUpdate {
  struct BucketUpdate {
    std::uint32_t index = 0;  // in set_addresses
    address_bucket value{};
  };
  struct NodeUpdate {
    std::uint32_t index = 0;  // in interval_nodes
    interval_node value{};
  };
  struct Step {
    std::vector<NodeUpdate> nodes;
    std::vector<BucketUpdate> buckets;
    std::optional<fw_config> control;  // set_roots, buckets and keys; config is 0
  };
  // Entries that are new in a set, and that it has no more. Only where AddressSets notes them.
  struct EntryChange {
    std::string set;
    std::vector<AddressRange> added;
    std::vector<AddressRange> removed;
  };
  std::vector<EntryChange> entries;
  std::vector<Step> steps;
  // Classes that are new with this update. Their bit vectors must be in force before step 0.
  std::vector<std::uint32_t> new_classes;
};

// All address sets, shared by all attachments. Holds the members and the host's image of `set_addresses` and of the
// sets' part of `interval_nodes`. Functions throw Error and then change nothing. Not for several threads at once.
class AddressSets {
 public:
  struct Room {
    std::uint32_t buckets = 0;     // in set_addresses
    std::uint32_t nodes = 0;       // the sets' part of interval_nodes; at most half of them are in use
    std::uint32_t first_node = 0;  // start of that part
  };
  AddressSets(const Room& room, const std::array<std::uint32_t, FIREWALL_KEYS>& keys);
  ~AddressSets();
  AddressSets(AddressSets&&) noexcept;
  AddressSets& operator=(AddressSets&&) noexcept;

  // From now on updates name the entries that change.
  void note_entries();

  // `blocked` and `allowed`: they always exist.
  static bool built_in(const std::string& name) { return name == kBlockedSet || name == kAllowedSet; }
  bool exists(const std::string& name) const;
  std::vector<std::string> names() const;                      // in order of creation, the built-in ones first
  std::optional<unsigned> bit(const std::string& name) const;  // the set's bit in a SetMask
  std::size_t size(const std::string& name) const;             // entries
  std::vector<SetEntry> entries(const std::string& name) const;
  bool contains(const std::string& name, const IpAddress& address) const;
  // Returns the entry with exactly this range.
  std::optional<SetEntry> entry(const std::string& name, const AddressRange& range) const;
  // Returns an entry that contains the range and more. Searches all entries that begin before the range, unless the
  // range is not in the set.
  std::optional<AddressRange> wider_entry(const std::string& name, const AddressRange& range) const;

  // Returns how many entries the range contains, itself not counted. Searches those that begin in it.
  std::size_t narrower_entries(const std::string& name, const AddressRange& range) const;

  void create(const std::string& name);  // creates an empty set; at most kSetsMax
  SetUpdate remove(const std::string& name);
  // Each set gets the other's name and its place among names(). Rules meet the content that a name has when they are
  // compiled.
  void swap_names(const std::string& one, const std::string& other);
  // To add an existing entry changes only its expiry. To remove a missing one changes nothing. remove_entries() removes
  // exactly the named entries: an address that a prefix of the set covers stays in the set. `done` is the number of
  // entries that were added or removed.
  SetUpdate add(const std::string& name, std::span<const SetEntry> entries, std::size_t* done = nullptr);
  SetUpdate remove_entries(const std::string& name, std::span<const AddressRange> ranges, std::size_t* done = nullptr);
  // Makes `entries` the content of the set. Entries that stay are not touched.
  SetUpdate replace(const std::string& name, std::span<const SetEntry> entries);
  // Removes the entries that have expired. `next_end()` is the time of the next expiry.
  SetUpdate expire(TimestampNs now_ns);
  std::optional<TimestampNs> next_end() const;

  // Returns the combinations of sets: the mask of each class, by its number. Class 0 is in no set. Numbers do not
  // change.
  const std::vector<SetMask>& classes() const;

  // Returns the names of each class's sets, by its number. Another AddressSets can adopt the maps with them.
  std::vector<std::vector<std::string>> class_names() const;
  // The content of a program's maps, written by another AddressSets. Its last change may be incomplete.
  struct InForce {
    fw_config control{};
    std::vector<address_bucket> buckets;
    std::vector<std::uint32_t> nodes;  // reachable from set_roots

    bool operator==(const InForce& other) const;
  };
  // Adopts maps with their keys, places and numbers of classes. An address that is in a set before and after is in it
  // at every moment. Call it before any other update. After whole(), call it only for maps that whole() was performed
  // on. `class_names` are those of the former AddressSets. Throws Error if there is no room for both contents.
  SetUpdate adopt(const InForce& former, const std::vector<std::vector<std::string>>& class_names);

  std::array<std::uint32_t, FIREWALL_KEYS> keys() const;

  // Returns the whole content for maps that are all zero, or for maps with unknown content. With unknown content no
  // address is in any set until the second step is done. Call it before any other update.
  enum class Maps : std::uint8_t { zero, unknown };
  SetUpdate whole(Maps maps = Maps::zero) const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace nicsentry
