// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/datapath/user_object.h"

namespace nicsentry {

// Whether a map of this kind (UserMap::type) can be read: array, hash, LRU hash, their per-CPU kinds, LPM trie, queue,
// stack.
bool can_read_map(std::uint32_t type);
bool is_queue_map(std::uint32_t type);    // a queue or a stack: it has no keys, and a read takes what it returns
bool is_array_map(std::uint32_t type);    // also per-CPU
bool is_per_cpu_map(std::uint32_t type);  // a value for each processor
bool is_trie_map(std::uint32_t type);

// How many values an entry of a per-CPU map has.
std::uint32_t possible_processors();
// The memory that the content of a map takes at most. By UserMap::kind: what a run answered has no type.
std::uint64_t content_bytes_most(const UserMap& map, std::uint32_t processors);

// The content of a map. Values of an entry: one, or one for each possible processor, `stride` bytes apart.
struct MapContent {
  std::uint32_t key_bytes = 0;  // 0: of a queue or stack
  std::uint32_t value_bytes = 0;
  std::uint32_t stride = 0;
  std::uint32_t processors = 1;
  std::size_t entries = 0;
  bool complete = true;  // false: a trie changed faster than it could be walked
  std::vector<std::byte> keys;
  std::vector<std::byte> values;

  std::span<const std::byte> key(std::size_t entry) const {
    return std::span(keys).subspan(entry * key_bytes, key_bytes);
  }
  const std::byte* value(std::size_t entry) const { return values.data() + entry * std::size_t{stride} * processors; }
};

// A map of a user's program. Errors are SystemErrors that name it. No key is returned twice, and each call ends,
// however fast the program changes the map.
class UserMapReader {
 public:
  // `name` is for messages. Throws Error for a map of a kind that cannot be read.
  UserMapReader(UniqueFd map, std::string name);
  static UserMapReader open(const std::filesystem::path& pin, std::string name);

  std::uint32_t type() const { return type_; }
  std::uint32_t id() const { return id_; }
  std::uint32_t capacity() const { return capacity_; }

  // A queue or stack is drained: the kernel has no other way to see what is in it.
  MapContent read() const;
  // Also empties it: an array's values become 0, a hash's or trie's entries are removed. What a program adds to an
  // entry between the copy and that is lost: of a hash only what a program adds that had found the entry before, of an
  // array and a trie what is added within the time of one system call.
  MapContent take() const;
  // take() of a map that no program uses any more: nothing is lost, and an array is emptied in batches.
  MapContent take_unused() const;

 private:
  MapContent empty_content() const;
  bool read_in_batches(MapContent& content, bool take) const;
  void walk(MapContent& content) const;
  void drain(MapContent& content) const;
  void zero(MapContent& content) const;
  bool zero_in_batches(const MapContent& content) const;
  std::uint32_t batch_entries(std::size_t entry_bytes) const;
  void take_each(MapContent& content) const;
  [[noreturn]] void fail(int code, const char* what) const;

  UniqueFd map_;
  std::string name_;
  std::uint32_t id_ = 0;
  std::uint32_t type_ = 0;
  std::uint32_t key_bytes_ = 0;
  std::uint32_t value_bytes_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace nicsentry
