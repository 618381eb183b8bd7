// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/program_copy.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/map_elements.h"
#include "host/datapath/object_handle.h"
#include "host/datapath/test_run.h"

namespace nicsentry {
namespace {

// What a program writes, and what tells it of sessions: all else is shared.
constexpr std::array kOwnMaps = {CONTROL_MAP_NAME, "sessions",      "counters", "totals",
                                 "records",        "rule_counters", "answers"};

using FdsByName = std::map<std::string, UniqueFd>;

bool is_own(const char* map) {
  return std::any_of(kOwnMaps.begin(), kOwnMaps.end(), [map](const char* own) { return std::strcmp(own, map) == 0; });
}

bpf_prog_info info_of(int fd, std::vector<__u32>* map_ids = nullptr) {
  bpf_prog_info info{};
  if (map_ids != nullptr) {
    info.nr_map_ids = static_cast<__u32>(map_ids->size());
    info.map_ids = reinterpret_cast<__u64>(map_ids->data());
  }
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
    throw SystemError(errno, "reading a program's description");
  }
  return info;
}

FdsByName open_maps(int program) {
  std::vector<__u32> ids(info_of(program).nr_map_ids);
  info_of(program, &ids);
  FdsByName fds;
  for (const __u32 id : ids) {
    UniqueFd fd(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) {
      throw SystemError(errno, "opening map " + std::to_string(id) + " of a program");
    }
    fds[info.name] = std::move(fd);
  }
  return fds;
}

std::unique_ptr<Maps> take_maps(FdsByName& fds) {
  return std::make_unique<Maps>(std::move(fds[CONTROL_MAP_NAME]), std::move(fds["sessions"]),
                                std::move(fds["counters"]), std::move(fds["totals"]), std::move(fds["records"]));
}

void prepare_map(bpf_map* map, const FdsByName& originals) {
  const std::string name = bpf_map__name(map);
  const auto original = originals.find(name);
  if (original == originals.end()) {
    throw Error("the program has no map '" + name + "': it is of another version of nicsentry");
  }
  if (!is_own(name.c_str())) {
    if (bpf_map__reuse_fd(map, original->second.get()) != 0) {
      throw SystemError(errno, "sharing map " + name);
    }
  } else if (name == "sessions") {
    bpf_map__set_max_entries(map, 1U << ProgramCopy::kBucketBits);
  } else if (name == "counters") {
    bpf_map__set_max_entries(map, 2);
  }
}

}  // namespace

ProgramCopy::ProgramCopy(std::uint32_t program_id, const std::filesystem::path& object_path) {
  const LibbpfMessages messages;
  const UniqueFd original(bpf_prog_get_fd_by_id(program_id));
  if (!original) {
    throw SystemError(errno, "opening program " + std::to_string(program_id));
  }
  FdsByName originals = open_maps(original.get());
  const ObjectHandle object(bpf_object__open_file(object_path.c_str(), nullptr));
  if (!object) {
    throw SystemError(errno, "opening object " + object_path.string(), messages.detail());
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) { prepare_map(map, originals); }
  if (bpf_object__load(object.get()) != 0) {
    throw SystemError(errno, "loading a copy of program " + std::to_string(program_id), messages.detail());
  }
  program_ = duplicate(bpf_program__fd(bpf_object__next_program(object.get(), nullptr)));
  // The tag is a hash of the instructions as they were loaded.
  if (std::memcmp(info_of(program_.get()).tag, info_of(original.get()).tag, BPF_TAG_SIZE) != 0) {
    throw Error("program " + std::to_string(program_id) + " is another build than " + object_path.string() +
                ": it was attached by another version of nicsentry, detach it and run again");
  }
  FdsByName own;
  bpf_object__for_each_map(map, object.get()) {
    if (is_own(bpf_map__name(map))) {
      own[bpf_map__name(map)] = duplicate(bpf_map__fd(map));
    }
  }
  rule_counters_ = std::move(own["rule_counters"]);
  original_ = take_maps(originals);
  own_ = take_maps(own);
}

std::uint32_t ProgramCopy::run(std::span<const std::uint8_t> frame) const { return run_frame(program_.get(), frame); }

rule_counter ProgramCopy::read_counter(std::uint32_t id) const {
  return read_element<rule_counter>(rule_counters_, "rule_counters", id * 2);
}

}  // namespace nicsentry
