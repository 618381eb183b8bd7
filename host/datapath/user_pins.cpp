// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/user_pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>
#include <thread>

#include "host/base/error.h"
#include "host/datapath/last_readings.h"
#include "host/datapath/pinned_names.h"
#include "host/datapath/pins.h"

namespace nicsentry {
namespace {

namespace fs = std::filesystem;

// A run's thread that waits for a process that stands still must end with the run.
constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kLockAgain{2};
constexpr const char* kRecord = "record";
constexpr const char* kTypesSuffix = "-types";
constexpr const char* kSwapState = "swap";
constexpr const char* kReadsSuffix = "-reads";
constexpr const char* kTotalsSuffix = "-totals";
constexpr const char* kLastSuffix = "-last";
constexpr std::uint32_t kNfpInstructionBytes = 8;

void make_directory(const fs::path& path) {
  if (mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw SystemError(errno, "making " + path.string());
  }
}

void pin_object(int fd, const fs::path& path) {
  if (bpf_obj_pin(fd, path.c_str()) != 0) {
    throw SystemError(errno, "pinning " + path.string());
  }
}

std::optional<unsigned> number_of(const std::string& name) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? std::optional(number) : std::nullopt;
}

// Bytes are the one value of an array, which a BPF file system can hold. Their number stands in front of them.
void pin_bytes(const std::string& bytes, const fs::path& path) {
  const std::uint64_t length = bytes.size();
  const auto size = static_cast<__u32>((sizeof(length) + length + 7) / 8 * 8);
  const UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "nicsentry_user", sizeof(__u32), size, 1, nullptr));
  const __u32 key = 0;
  std::string value(size, '\0');
  std::memcpy(value.data(), &length, sizeof(length));
  std::memcpy(value.data() + sizeof(length), bytes.data(), length);
  if (!map || bpf_map_update_elem(map.get(), &key, value.data(), BPF_ANY) != 0) {
    throw SystemError(errno, "making " + path.string());
  }
  pin_object(map.get(), path);
}

// Nothing where none are pinned.
std::string read_bytes(const fs::path& path) {
  const UniqueFd map(bpf_obj_get(path.c_str()));
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0 || info.type != BPF_MAP_TYPE_ARRAY) {
    return {};
  }
  const __u32 key = 0;
  std::string value(info.value_size, '\0');
  std::uint64_t pinned = 0;
  if (bpf_map_lookup_elem(map.get(), &key, value.data()) != 0 || value.size() < sizeof(pinned)) {
    return {};
  }
  std::memcpy(&pinned, value.data(), sizeof(pinned));
  return value.substr(sizeof(pinned), pinned);
}

void pin_swap_state(const SwapState& state, const fs::path& path) {
  const UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "nicsentry_swap", sizeof(__u32), sizeof(state), 1, nullptr));
  const __u32 key = 0;
  if (!map || bpf_map_update_elem(map.get(), &key, &state, BPF_ANY) != 0) {
    throw SystemError(errno, "making " + path.string());
  }
  pin_object(map.get(), path);
}

void pin_other(const ProgramToPin& program, const fs::path& directory) {
  pin_object(program.other->program_fd(), directory / (program.hook + "-other"));
  const fs::path maps = directory / (program.hook + "-other-maps");
  make_directory(maps);
  for (const std::string& name : program.swapped) {
    pin_object(program.other->map_fd(name), maps / name);
  }
}

// So that a run can adopt it without the right to open programs by id.
void pin_with(const ProgramToPin& program, const fs::path& directory) {
  const fs::path with = directory / kWithPins;
  make_directory(with);
  program.object->each_other_map([&with](const std::string& name, int fd) { pin_object(fd, with / name); });
  pin_object(program.object->program_fd(), with / kPinnedProgram);
}

// Of each copy of the map.
void pin_last_readings(const ProgramToPin& program, const fs::path& directory) {
  for (const std::string& name : program.differing) {
    const std::vector<UserMap> maps = program.object->maps();
    const auto map = std::find_if(maps.begin(), maps.end(), [&name](const UserMap& one) { return one.name == name; });
    const bool twice = std::find(program.swapped.begin(), program.swapped.end(), name) != program.swapped.end();
    for (const char* copy : {"", "-other"}) {
      if (map == maps.end() || (*copy != '\0' && !twice)) {
        continue;
      }
      const fs::path last = directory / (program.hook + copy + kLastSuffix);
      make_directory(last);
      const UniqueFd made = LastReadings::make(map->key_bytes, map->value_bytes, map->max_entries);
      pin_object(made.get(), last / name);
    }
  }
}

void pin_statistics(const ProgramToPin& program, const fs::path& directory) {
  const UniqueFd reads = ReadStatisticsMap::make(program.metrics);
  pin_object(reads.get(), directory / (program.hook + kReadsSuffix));
  const fs::path totals = directory / (program.hook + kTotalsSuffix);
  make_directory(totals);
  for (const UserTotals::Shape& shape : program.totals) {
    const UniqueFd map = UserTotals::make(shape);
    pin_object(map.get(), totals / shape.name);
  }
}

bool is_still_at(int fd, const fs::path& path) {
  struct stat opened {};
  struct stat there {};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &there) == 0 && opened.st_ino == there.st_ino &&
         opened.st_dev == there.st_dev;
}

// False where another process has the lock for all of the time.
bool lock_within(int fd, std::chrono::milliseconds patience, const fs::path& path) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw SystemError(errno, "locking " + path.string());
    }
    if (std::chrono::steady_clock::now() >= until) {
      return false;
    }
    std::this_thread::sleep_for(kLockAgain);
  }
  return true;
}

Unavailable busy(const fs::path& path) {
  return Unavailable("another process has had " + path.string() + " for " + std::to_string(kPatience.count()) + " s");
}

std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(directory, missing)) {
    entries.push_back(entry.path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace

std::uint32_t user_program_id(int fd) {
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

std::optional<std::uint32_t> card_instructions(int fd) {
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0 || info.ifindex == 0 || info.jited_prog_len == 0) {
    return std::nullopt;
  }
  return info.jited_prog_len / kNfpInstructionBytes;
}

SwapStateMap SwapStateMap::open(const fs::path& pin) {
  UniqueFd map(bpf_obj_get(pin.c_str()));
  if (!map) {
    throw SystemError(errno, "opening " + pin.string());
  }
  return SwapStateMap(std::move(map));
}

SwapState SwapStateMap::get() const {
  const __u32 key = 0;
  SwapState state;
  if (bpf_map_lookup_elem(map_.get(), &key, &state) != 0) {
    throw SystemError(errno, "reading which copy of a program is in use");
  }
  return state;
}

void SwapStateMap::set(const SwapState& state) const {
  const __u32 key = 0;
  if (bpf_map_update_elem(map_.get(), &key, &state, BPF_ANY) != 0) {
    throw SystemError(errno, "writing which copy of a program is in use");
  }
}

bool UserPins::is_name(const std::string& name) {
  const auto fits = [](unsigned char character) {
    return std::isalnum(character) != 0 || character == '-' || character == '_';
  };
  return !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), fits);
}

bool UserPins::any() {
  std::error_code missing;
  return fs::exists(PinDirectory::place() / "programs", missing);
}

std::vector<std::pair<std::string, PinnedLoad>> UserPins::look() {
  const UserPins pins(PinDirectory::place() / "programs", UniqueFd());
  std::vector<std::pair<std::string, PinnedLoad>> found;
  for (const std::string& name : pins.names()) {
    for (PinnedLoad& load : pins.loads(name)) {
      found.emplace_back(name, std::move(load));
    }
  }
  return found;
}

UniqueFd UserPins::lock_readers(const std::string& name) {
  std::string why_not;
  const auto own = PinDirectory::open(why_not);
  if (!own || !is_name(name)) {
    return UniqueFd();
  }
  const fs::path path = own->path() / "programs" / name;
  while (true) {
    UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock && !lock_within(lock.get(), kPatience, path)) {
      throw busy(path);
    }
    if (!lock || is_still_at(lock.get(), path)) {  // else the name was unloaded meanwhile, and may be loaded again
      return lock;
    }
  }
}

UserPins UserPins::open() {
  if (auto opened = open_within(kPatience)) {
    return std::move(*opened);
  }
  throw busy(PinDirectory::place() / "programs");
}

std::optional<UserPins> UserPins::open_at_once() { return open_within(std::chrono::milliseconds::zero()); }

std::optional<UserPins> UserPins::open_within(std::chrono::milliseconds patience) {
  std::string why_not;
  const auto own = PinDirectory::open(why_not);
  if (!own) {
    throw Error("programs of your own are kept in a BPF file system: " + why_not);
  }
  fs::path path = own->path() / "programs";
  make_directory(path);
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock) {
    throw SystemError(errno, "opening " + path.string());
  }
  if (!lock_within(lock.get(), patience, path)) {
    return std::nullopt;
  }
  return UserPins(std::move(path), std::move(lock));
}

std::vector<std::string> UserPins::names() const {
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(path_)) {
    names.push_back(entry.filename());
  }
  return names;
}

std::vector<PinnedLoad> UserPins::loads(const std::string& name) const {
  std::vector<PinnedLoad> loads;
  if (!is_name(name)) {
    return loads;
  }
  for (const fs::path& entry : entries_of(path_ / name)) {
    const auto number = number_of(entry.filename());
    if (!number) {
      continue;
    }
    PinnedLoad load;
    load.number = *number;
    load.record = read_bytes(entry / kRecord);
    for (const char* hook : {"ingress", "ingress-other", "egress", "egress-other"}) {
      UniqueFd fd(bpf_obj_get((entry / hook).c_str()));
      if (fd) {
        const std::uint32_t id = user_program_id(fd.get());
        load.programs.push_back({hook, std::move(fd), id});
      }
    }
    loads.push_back(std::move(load));
  }
  std::sort(loads.begin(), loads.end(), [](const auto& one, const auto& two) { return one.number < two.number; });
  return loads;
}

void UserPins::add(const std::string& name, unsigned number, const std::vector<ProgramToPin>& programs,
                   const std::string& record) const {
  const fs::path directory = path_ / name / std::to_string(number);
  try {
    make_directory(path_ / name);
    make_directory(directory);
    SwapState state;
    for (const ProgramToPin& program : programs) {
      state.active[program.hook == "egress" ? 1 : 0] = user_program_id(program.object->program_fd());
      pin_object(program.object->program_fd(), directory / program.hook);
      pin_bytes(program.object->types(), directory / (program.hook + kTypesSuffix));
      const fs::path maps = maps_directory(name, number, program.hook);
      make_directory(maps);
      for (const UserMap& map : program.object->maps()) {
        pin_object(program.object->map_fd(map.name), maps / map.name);
      }
      pin_statistics(program, directory);
      pin_last_readings(program, directory);
      if (program.object->is_linked()) {
        pin_with(program, directory);
      }
      if (program.other != nullptr) {
        pin_other(program, directory);
      }
    }
    if (std::any_of(programs.begin(), programs.end(), [](const auto& one) { return one.other != nullptr; })) {
      pin_swap_state(state, directory / kSwapState);
    }
    pin_bytes(record, directory / kRecord);
  } catch (...) {
    remove(name, number);
    throw;
  }
}

void UserPins::remove(const std::string& name, unsigned number) const {
  std::error_code ignored;  // what is gone already
  fs::remove_all(path_ / name / std::to_string(number), ignored);
  fs::remove(path_ / name, ignored);  // only when it is empty
}

fs::path UserPins::directory(const std::string& name, unsigned number) const {
  return path_ / name / std::to_string(number);
}

std::string UserPins::types(const std::string& name, unsigned number, const std::string& hook) const {
  return read_bytes(directory(name, number) / (hook + kTypesSuffix));
}

fs::path UserPins::reads(const std::string& name, unsigned number, const std::string& hook) const {
  return directory(name, number) / (hook + kReadsSuffix);
}

fs::path UserPins::totals(const std::string& name, unsigned number, const std::string& hook,
                          const std::string& metric) const {
  return directory(name, number) / (hook + kTotalsSuffix) / metric;
}

fs::path UserPins::last_readings(const std::string& name, unsigned number, const std::string& hook,
                                 const std::string& map) const {
  return directory(name, number) / (hook + kLastSuffix) / map;
}

fs::path UserPins::swap_state(const std::string& name, unsigned number) const {
  return directory(name, number) / kSwapState;
}

fs::path UserPins::maps_directory(const std::string& name, unsigned number, const std::string& hook) const {
  return directory(name, number) / (hook + "-maps");
}

}  // namespace nicsentry
