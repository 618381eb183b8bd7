// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/user_map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr std::size_t kBatchBytes = 4UL << 20;
constexpr std::uint32_t kBatchLeast = 64;
constexpr std::uint32_t kBatchMost = 65536;
constexpr std::uint32_t kValueStep = 8;  // the kernel rounds up per-CPU values
constexpr int kNotSupported = 524;       // ENOTSUPP, the kernel's own

bool is_hash_map(std::uint32_t type) {
  return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_PERCPU_HASH ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool has_no_such_call(int code) { return code == EINVAL || code == EOPNOTSUPP || code == kNotSupported; }

bool is_zero(const std::byte* value, std::size_t bytes) {
  return std::all_of(value, value + bytes, [](std::byte one) { return one == std::byte{0}; });
}

std::uint32_t per_cpu_stride(std::uint32_t value_bytes) {
  return (value_bytes + kValueStep - 1) / kValueStep * kValueStep;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool is_queue_map(std::uint32_t type) { return type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK; }

bool is_array_map(std::uint32_t type) { return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY; }

bool is_per_cpu_map(std::uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool is_trie_map(std::uint32_t type) { return type == BPF_MAP_TYPE_LPM_TRIE; }

bool can_read_map(std::uint32_t type) {
  return is_hash_map(type) || is_array_map(type) || is_queue_map(type) || is_trie_map(type);
}

std::uint32_t possible_processors() { return static_cast<std::uint32_t>(libbpf_num_possible_cpus()); }

std::uint64_t content_bytes_most(const UserMap& map, std::uint32_t processors) {
  const bool per_cpu = map.kind.find("percpu") != std::string::npos;
  const std::uint64_t value_bytes =
      per_cpu ? std::uint64_t{per_cpu_stride(map.value_bytes)} * processors : map.value_bytes;
  return map.max_entries * (map.key_bytes + value_bytes);
}

UserMapReader::UserMapReader(UniqueFd map, std::string name) : map_(std::move(map)), name_(std::move(name)) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_.get(), &info, &length) != 0) {
    fail(errno, "reading its kind");
  }
  id_ = info.id;
  type_ = info.type;
  key_bytes_ = info.key_size;
  value_bytes_ = info.value_size;
  capacity_ = info.max_entries;
  if (!can_read_map(type_)) {
    const char* kind = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type_));
    throw Error("map " + name_ + " is of kind " + (kind != nullptr ? kind : std::to_string(type_)) +
                "; only array, hash, lru_hash, percpu_array, percpu_hash, lru_percpu_hash, lpm_trie, queue and stack "
                "can be read");
  }
}

UserMapReader UserMapReader::open(const std::filesystem::path& pin, std::string name) {
  UniqueFd map(bpf_obj_get(pin.c_str()));
  if (!map) {
    throw SystemError(errno, "opening map " + name + " (" + pin.string() + ")");
  }
  return {std::move(map), std::move(name)};
}

void UserMapReader::fail(int code, const char* what) const { throw SystemError(code, "map " + name_ + ": " + what); }

MapContent UserMapReader::empty_content() const {
  MapContent content;
  content.key_bytes = key_bytes_;
  content.value_bytes = value_bytes_;
  content.stride = value_bytes_;
  if (is_per_cpu_map(type_)) {
    content.stride = per_cpu_stride(value_bytes_);
    content.processors = possible_processors();
  }
  return content;
}

MapContent UserMapReader::read() const {
  MapContent content = empty_content();
  if (is_queue_map(type_)) {
    drain(content);
  } else if (is_trie_map(type_) || !read_in_batches(content, false)) {
    // A batch of a trie begins anew where its last key is gone, and returns entries a second time.
    walk(content);
  }
  return content;
}

MapContent UserMapReader::take() const {
  MapContent content = empty_content();
  if (is_queue_map(type_)) {
    drain(content);
  } else if (is_array_map(type_)) {
    content = read();
    zero(content);
  } else if (is_trie_map(type_) || !read_in_batches(content, true)) {
    walk(content);
    take_each(content);
  }
  return content;
}

MapContent UserMapReader::take_unused() const {
  if (!is_array_map(type_)) {
    return take();
  }
  MapContent content = read();
  if (!zero_in_batches(content)) {
    zero(content);
  }
  return content;
}

std::uint32_t UserMapReader::batch_entries(std::size_t entry_bytes) const {
  const auto room = static_cast<std::uint32_t>(kBatchBytes / entry_bytes);
  return std::min(std::clamp(room, kBatchLeast, kBatchMost), std::max(capacity_, 1U));
}

// A hash is read bucket by bucket, an array by its index: the kernel's position never goes back. False where the kernel
// has no batches for this map: those on a card, and older kernels' per-CPU arrays.
bool UserMapReader::read_in_batches(MapContent& content, bool take) const {
  const std::size_t value_bytes = std::size_t{content.stride} * content.processors;
  std::uint32_t batch = batch_entries(key_bytes_ + value_bytes);
  std::vector<std::byte> position(std::max<std::size_t>(key_bytes_, sizeof(std::uint64_t)));
  const auto read_batch = take ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch;
  bool first = true;
  while (true) {
    content.keys.resize((content.entries + batch) * key_bytes_);
    content.values.resize((content.entries + batch) * value_bytes);
    std::uint32_t count = batch;
    const int result = read_batch(map_.get(), first ? nullptr : position.data(), position.data(),
                                  content.keys.data() + content.entries * key_bytes_,
                                  content.values.data() + content.entries * value_bytes, &count, nullptr);
    const int code = result == 0 ? 0 : errno;
    if (code == ENOSPC) {  // a bucket has more entries than the batch has room for
      batch *= 2;
      continue;
    }
    if (code != 0 && code != ENOENT) {  // ENOENT: the batch reached the map's end
      if (first && has_no_such_call(code)) {
        content.keys.clear();
        content.values.clear();
        return false;
      }
      fail(code, "reading it");
    }
    content.entries += count;
    first = false;
    if (code == ENOENT) {
      break;
    }
  }
  content.keys.resize(content.entries * key_bytes_);
  content.values.resize(content.entries * value_bytes);
  return true;
}

// From key to key. Where the last key was removed meanwhile, the kernel begins anew: keys that were there already are
// passed over, and the number of steps is bounded.
void UserMapReader::walk(MapContent& content) const {
  const std::size_t value_bytes = std::size_t{content.stride} * content.processors;
  const std::uint64_t steps_most = 4 * std::uint64_t{capacity_} + kBatchMost;
  std::unordered_set<std::string> seen;
  std::vector<std::byte> key(key_bytes_);
  std::vector<std::byte> next(key_bytes_);
  std::vector<std::byte> value(value_bytes);
  bool first = true;
  for (std::uint64_t step = 0;; ++step) {
    if (bpf_map_get_next_key(map_.get(), first ? nullptr : key.data(), next.data()) != 0) {
      if (errno != ENOENT) {
        fail(errno, "reading its keys");
      }
      return;
    }
    if (step == steps_most) {
      content.complete = false;
      return;
    }
    first = false;
    std::swap(key, next);
    if (!seen.emplace(text_of(key)).second) {
      continue;
    }
    if (bpf_map_lookup_elem(map_.get(), key.data(), value.data()) != 0) {
      if (errno != ENOENT) {
        fail(errno, "reading an entry");
      }
      continue;  // removed meanwhile; on a card an element that nobody has written yet
    }
    content.keys.insert(content.keys.end(), key.begin(), key.end());
    content.values.insert(content.values.end(), value.begin(), value.end());
    ++content.entries;
  }
}

// Not more than it has room for, while a program adds to it.
void UserMapReader::drain(MapContent& content) const {
  std::vector<std::byte> value(value_bytes_);
  while (content.entries < capacity_) {
    if (bpf_map_lookup_and_delete_elem(map_.get(), nullptr, value.data()) != 0) {
      if (errno != ENOENT) {
        fail(errno, "taking an entry");
      }
      return;
    }
    content.values.insert(content.values.end(), value.begin(), value.end());
    ++content.entries;
  }
}

// Each value is read again just before it is overwritten, so that as little as possible is lost. A value that is 0 is
// left alone: nothing of it can be lost.
void UserMapReader::zero(MapContent& content) const {
  const std::size_t value_bytes = std::size_t{content.stride} * content.processors;
  const std::vector<std::byte> zeros(value_bytes);
  for (std::size_t i = 0; i < content.entries; ++i) {
    std::byte* value = content.values.data() + i * value_bytes;
    if (is_zero(value, value_bytes)) {
      continue;
    }
    const std::byte* key = content.keys.data() + i * key_bytes_;
    if (bpf_map_lookup_elem(map_.get(), key, value) != 0 ||
        bpf_map_update_elem(map_.get(), key, zeros.data(), BPF_ANY) != 0) {
      fail(errno, "setting an entry to 0");
    }
  }
}

// The values that are not 0. False where the kernel has no batches for this map.
bool UserMapReader::zero_in_batches(const MapContent& content) const {
  const std::size_t value_bytes = std::size_t{content.stride} * content.processors;
  std::vector<std::byte> keys;
  for (std::size_t i = 0; i < content.entries; ++i) {
    if (!is_zero(content.value(i), value_bytes)) {
      const std::span<const std::byte> key = content.key(i);
      keys.insert(keys.end(), key.begin(), key.end());
    }
  }
  const std::size_t entries = keys.size() / key_bytes_;
  const std::size_t batch = std::min<std::size_t>(batch_entries(value_bytes), entries);
  const std::vector<std::byte> zeros(batch * value_bytes);
  for (std::size_t at = 0; at < entries;) {
    auto count = static_cast<std::uint32_t>(std::min(batch, entries - at));
    if (bpf_map_update_batch(map_.get(), keys.data() + at * key_bytes_, zeros.data(), &count, nullptr) != 0) {
      if (at == 0 && has_no_such_call(errno)) {
        return false;
      }
      fail(errno, "setting its entries to 0");
    }
    at += count;
  }
  return true;
}

void UserMapReader::take_each(MapContent& content) const {
  const std::size_t value_bytes = std::size_t{content.stride} * content.processors;
  bool in_one_call = !is_trie_map(type_);
  for (std::size_t i = 0; i < content.entries; ++i) {
    const std::byte* key = content.keys.data() + i * key_bytes_;
    std::byte* value = content.values.data() + i * value_bytes;
    if (in_one_call) {
      if (bpf_map_lookup_and_delete_elem(map_.get(), key, value) == 0 || errno == ENOENT) {
        continue;
      }
      if (!has_no_such_call(errno)) {
        fail(errno, "taking an entry");
      }
      in_one_call = false;
    }
    if (bpf_map_lookup_elem(map_.get(), key, value) != 0 && errno != ENOENT) {
      fail(errno, "reading an entry");
    }
    if (bpf_map_delete_elem(map_.get(), key) != 0 && errno != ENOENT) {
      fail(errno, "removing an entry");
    }
  }
}

}  // namespace nicsentry
