// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/program_copy.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/loaded_program.h"
#include "host/datapath/map_elements.h"
#include "host/datapath/mapped_array.h"
#include "host/datapath/object_file.h"
#include "host/datapath/object_handle.h"
#include "host/datapath/test_run.h"

namespace nicsentry {
namespace {

// The maps that a program writes, and those that describe sessions to it: its own; all others are shared.
// Without tables each packet is within the rate of every limit. With switches of its own nothing is on.
constexpr std::array kOwnMaps = {MapRole::control, MapRole::sessions,      MapRole::counters,     MapRole::totals,
                                 MapRole::records, MapRole::rule_counters, MapRole::expectations, MapRole::limit_tables,
                                 MapRole::limited, MapRole::switches};

constexpr unsigned kBucketBits = 1;

bool is_counted(MapRole role) { return std::find(kCounted.begin(), kCounted.end(), role) != kCounted.end(); }
bool is_own(MapRole role) { return std::find(kOwnMaps.begin(), kOwnMaps.end(), role) != kOwnMaps.end(); }

void prepare_map(bpf_map* map, MapRole role, const MapFds& originals) {
  int result = 0;
  if (!is_own(role)) {
    result = bpf_map__reuse_fd(map, originals.at(role).get());
  } else if (role == MapRole::sessions) {
    result = bpf_map__set_max_entries(map, 1U << kBucketBits);
  } else if (role == MapRole::counters) {
    result = bpf_map__set_max_entries(map, 2);
  } else if (is_counted(role)) {
    make_mappable(map, role);
  } else if (role == MapRole::expectations || role == MapRole::limited) {
    result = bpf_map__set_max_entries(map, 1);
  }
  if (result != 0) {
    throw SystemError(-result, std::string("preparing map ") + map_name(role) + " of a copy");
  }
}

struct LoadedCopy {
  ObjectHandle object;
  LoadedProgram program;
};

// Nothing where the object has other maps than the program.
std::optional<LoadedCopy> load_copy(const std::filesystem::path& path, const ProgramSpec& spec, const MapFds& originals,
                                    const std::string& subject) {
  const LibbpfMessages messages;
  ObjectHandle object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object) {
    throw SystemError(errno, "opening object " + path.string(), messages.detail());
  }
  for (const MapSpec& map : spec.maps) {
    bpf_map* made = bpf_object__find_map_by_name(object.get(), map_name(map.role));
    if ((made != nullptr) != originals.contains(map.role)) {
      return std::nullopt;
    }
    if (made != nullptr) {
      prepare_map(made, map.role, originals);
    }
  }
  if (bpf_object__load(object.get()) != 0) {
    throw SystemError(errno, "loading a copy of " + subject, missing_for_programs() + messages.detail());
  }
  LoadedProgram program = describe_loaded(duplicate(bpf_program__fd(bpf_object__next_program(object.get(), nullptr))));
  return LoadedCopy{std::move(object), std::move(program)};
}

}  // namespace

struct ProgramCopy::Counted {
  explicit Counted(const MapFds& maps)
      : totals(maps.at(MapRole::totals), MapRole::totals),
        rules(maps.at(MapRole::rule_counters), MapRole::rule_counters) {}

  MappedArray<totals_row> totals;
  MappedArray<rule_counter> rules;
};

ProgramCopy::ProgramCopy(std::uint32_t program_id, const std::filesystem::path& object_path) {
  const std::string subject = "program " + std::to_string(program_id);
  LoadedProgram loaded = open_program(program_id);
  const Identity identity = identify(loaded);
  if (!identity.adoptable()) {
    throw Error(subject + " is not one of this nicsentry's");
  }
  MapFds originals = take_maps(loaded, *identity.spec);
  auto copy = load_copy(object_path, *identity.spec, originals, subject);
  if (!copy || copy->program.tag != loaded.tag) {
    throw Error(subject + " is another build than " + object_path.string() +
                ": it was attached by another version of nicsentry, detach it and run again");
  }
  if (identity.spec->features.raw_ip) {
    copy = load_copy(find_object(identity.spec->base, Target::tc), *identity.spec, originals, subject);
  }
  MapFds own;
  for (const MapRole role : kOwnMaps) {
    if (const bpf_map* made = bpf_object__find_map_by_name(copy.value().object.get(), map_name(role));
        made != nullptr) {
      own[role] = duplicate(bpf_map__fd(made));
    }
  }
  expectations_ = std::move(own[MapRole::expectations]);
  program_ = std::move(copy->program.fd);
  counted_ = std::make_unique<const Counted>(own);
  original_ = std::make_unique<Maps>(originals);
  own_ = std::make_unique<Maps>(own);
}

ProgramCopy::ProgramCopy(const Program& on_no_port) : program_(duplicate(on_no_port.fd())) {
  MapFds maps;
  MapFds same;
  on_no_port.each_map([&](MapRole role, int fd) {
    maps[role] = duplicate(fd);
    same[role] = duplicate(fd);
  });
  if (const auto expectations = same.find(MapRole::expectations); expectations != same.end()) {
    expectations_ = std::move(expectations->second);
  }
  counted_ = std::make_unique<const Counted>(maps);
  original_ = std::make_unique<Maps>(maps);
  own_ = std::make_unique<Maps>(same);
}

ProgramCopy::~ProgramCopy() = default;

unsigned ProgramCopy::bucket_bits() const { return static_cast<unsigned>(std::countr_zero(own_->bucket_count())); }

std::uint32_t ProgramCopy::run(std::span<const std::uint8_t> frame) const {
  const std::uint32_t verdict = run_frame(program_.get(), frame);
  if (expectations_) {
    write_element<std::uint64_t>(expectations_, MapRole::expectations, 0, 0);
  }
  return verdict;
}

rule_counter ProgramCopy::read_counter(std::uint32_t id) const { return counted_->rules.read(id * 2); }

totals_row ProgramCopy::read_cause(unsigned cause) const { return counted_->totals.read((TOTALS_SHARDS + cause) * 2); }

}  // namespace nicsentry
