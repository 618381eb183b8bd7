// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/program_pool.h"

#include <bpf/bpf.h>

#define CATCH_CONFIG_EXTERNAL_INTERFACES  // for the listener

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry::testing {
namespace {

struct Pooled {
  Program program;
  bool in_use = false;  // by the test case that runs
};

using Kind = std::tuple<std::string, Mode, std::vector<std::uint32_t>>;

std::multimap<Kind, Pooled>& pool() {
  static std::multimap<Kind, Pooled> programs;
  return programs;
}

class ReleasePrograms : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    TestEventListenerBase::testCaseEnded(stats);
    for (auto& [kind, pooled] : pool()) pooled.in_use = false;
  }
};

bpf_map_info info_of(int map) {
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) {
    throw SystemError(errno, "asking the kernel about a map");
  }
  return info;
}

void empty_array(int map, const bpf_map_info& info) {
  std::vector<std::uint32_t> keys(info.max_entries);
  std::iota(keys.begin(), keys.end(), 0U);
  const std::vector<std::uint8_t> zeros(std::size_t{info.max_entries} * ((info.value_size + 7) / 8 * 8));
  std::uint32_t count = info.max_entries;
  if (bpf_map_update_batch(map, keys.data(), zeros.data(), &count, nullptr) != 0) {
    throw SystemError(errno, std::string("emptying map ") + info.name);
  }
}

// Each removal waits for the programs that run.
void empty_array_of_maps(int map, const bpf_map_info& info) {
  for (std::uint32_t index = 0; index < info.max_entries; ++index) {
    std::uint32_t inner = 0;
    if (bpf_map_lookup_elem(map, &index, &inner) == 0 && bpf_map_delete_elem(map, &index) != 0) {
      throw SystemError(errno, std::string("emptying map ") + info.name);
    }
  }
}

void empty_table(int map, const bpf_map_info& info) {
  std::vector<std::uint8_t> key(info.key_size);
  while (bpf_map_get_next_key(map, nullptr, key.data()) == 0) {
    if (bpf_map_delete_elem(map, key.data()) != 0 && errno != ENOENT) {
      throw SystemError(errno, std::string("emptying map ") + info.name);
    }
  }
}

}  // namespace

// NOLINTNEXTLINE(cert-err58-cpp): Catch's registration is a static object
CATCH_REGISTER_LISTENER(ReleasePrograms)

void empty_maps(int program_fd) {
  std::vector<std::uint32_t> ids(64);
  bpf_prog_info info{};
  info.nr_map_ids = static_cast<std::uint32_t>(ids.size());
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd, &info, &size) != 0) {
    throw SystemError(errno, "asking the kernel about a program");
  }
  ids.resize(info.nr_map_ids);
  for (const std::uint32_t id : ids) {
    const UniqueFd map(bpf_map_get_fd_by_id(id));
    if (!map) {
      throw SystemError(errno, "opening a program's map");
    }
    const bpf_map_info map_info = info_of(map.get());
    if ((map_info.map_flags & BPF_F_RDONLY_PROG) != 0) {
      continue;  // switches stay as the program was loaded with them
    }
    if (map_info.type == BPF_MAP_TYPE_HASH || map_info.type == BPF_MAP_TYPE_LRU_HASH ||
        map_info.type == BPF_MAP_TYPE_LPM_TRIE) {
      empty_table(map.get(), map_info);
    } else if (map_info.type == BPF_MAP_TYPE_ARRAY) {
      empty_array(map.get(), map_info);
    } else if (map_info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS) {
      empty_array_of_maps(map.get(), map_info);
    } else if (map_info.type != BPF_MAP_TYPE_PERF_EVENT_ARRAY) {  // whose entries go with their readers
      throw Error(std::string("map ") + map_info.name + " has a type that the test cannot empty");
    }
  }
}

Program pooled_program(const LoadOptions& options) {
  std::vector<std::uint32_t> sizes{options.size.sessions, options.size.bucket_bits,
                                   options.expectations ? info_of(*options.expectations).id : 0,
                                   options.switches.count_hits};
  if (options.firewall) {
    sizes.insert(sizes.end(),
                 {options.firewall->rule_bits, options.firewall->nodes, options.firewall->address_buckets});
  }
  const Kind kind{options.object.string(), options.mode, sizes};
  const auto [first, last] = pool().equal_range(kind);
  auto found = std::find_if(first, last, [](const auto& entry) { return !entry.second.in_use; });
  if (found == last) {
    found = pool().emplace(kind, Pooled{Program::load(options)});
  }
  found->second.in_use = true;
  Program& program = found->second.program;
  empty_maps(program.fd());
  return Program::adopt(program.id(), options.mode, Interface{});
}

}  // namespace nicsentry::testing
