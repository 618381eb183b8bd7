// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/user_pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

#include "host/base/error.h"
#include "host/datapath/pins.h"

namespace nicsentry {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecord = "record";

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

// The text is the one value of an array, which a BPF file system can hold.
void pin_record(const std::string& text, const fs::path& path) {
  const auto size = static_cast<__u32>((text.size() + 8) / 8 * 8);
  const UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "nicsentry_user", sizeof(__u32), size, 1, nullptr));
  const __u32 key = 0;
  std::string value = text;
  value.resize(size);
  if (!map || bpf_map_update_elem(map.get(), &key, value.data(), BPF_ANY) != 0) {
    throw SystemError(errno, "making " + path.string());
  }
  pin_object(map.get(), path);
}

std::string read_record(const fs::path& path) {
  const UniqueFd map(bpf_obj_get(path.c_str()));
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0 || info.type != BPF_MAP_TYPE_ARRAY) {
    return {};
  }
  const __u32 key = 0;
  std::string value(info.value_size, '\0');
  if (bpf_map_lookup_elem(map.get(), &key, value.data()) != 0) {
    return {};
  }
  return value.substr(0, value.find('\0'));
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

UserPins UserPins::open() {
  std::string why_not;
  const auto own = PinDirectory::open(why_not);
  if (!own) {
    throw Error("programs of your own are kept in a BPF file system: " + why_not);
  }
  fs::path path = own->path() / "programs";
  make_directory(path);
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || flock(lock.get(), LOCK_EX) != 0) {
    throw SystemError(errno, "locking " + path.string());
  }
  return {std::move(path), std::move(lock)};
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
  for (const fs::path& entry : entries_of(path_ / name)) {
    const auto number = number_of(entry.filename());
    if (!number) {
      continue;
    }
    PinnedLoad load;
    load.number = *number;
    load.record = read_record(entry / kRecord);
    for (const char* hook : {"ingress", "egress"}) {
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
    for (const ProgramToPin& program : programs) {
      pin_object(program.object->program_fd(), directory / program.hook);
      const fs::path maps = maps_directory(name, number, program.hook);
      make_directory(maps);
      for (const UserMap& map : program.object->maps()) {
        pin_object(program.object->map_fd(map.name), maps / map.name);
      }
    }
    pin_record(record, directory / kRecord);
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

fs::path UserPins::maps_directory(const std::string& name, unsigned number, const std::string& hook) const {
  return directory(name, number) / (hook + "-maps");
}

}  // namespace nicsentry
