// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/file_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "host/base/atomic_file.h"
#include "host/base/directory.h"
#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/base/rfc3339.h"
#include "host/export/files/compressed_copy.h"

namespace nicsentry {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDdosFolder = "dump_ddos";
constexpr const char* kCryptoFolder = "dump_crypto";
constexpr TimestampNs kNsOfSecond = 1'000'000'000;
constexpr std::uint64_t kHeaderRoom = 2048;  // a growing file that begins anew has a header, which nobody asks room for

std::uint64_t file_bytes(const fs::path& path) {
  std::error_code none;
  const auto bytes = fs::file_size(path, none);
  return none ? 0 : bytes;
}

// When a file was made, as far as its file system knows; else when it last changed.
TimestampNs begin_of(const fs::path& path, TimestampNs otherwise) {
  struct statx status {};
  if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_MTIME, &status) != 0) {
    return otherwise;
  }
  const statx_timestamp& time = (status.stx_mask & STATX_BTIME) != 0 ? status.stx_btime : status.stx_mtime;
  return time.tv_sec * kNsOfSecond + time.tv_nsec;
}

TimestampNs changed_at(const fs::path& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 ? status.st_mtim.tv_sec * kNsOfSecond + status.st_mtim.tv_nsec : 0;
}

// "20260501T120000Z"
std::string compact_time(TimestampNs time_ns) {
  std::string text = rfc3339(time_ns).substr(0, std::string_view("2026-05-01T12:00:00").size());
  std::erase_if(text, [](char one) { return one == '-' || one == ':'; });
  return text + "Z";
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char one) { return std::isdigit(one) != 0; });
}

// Names of files that grow: others' files of like names are not counted and not removed.
bool is_growing_name(std::string_view stem, std::string_view extension) {
  constexpr std::array<std::string_view, 5> kTables{"sessions", "packets", "windows", "hosts", "ports"};
  if (extension == ".csv" && stem == "results") {
    return true;
  }
  return (extension == ".csv" || extension == ".jsonl") &&
         std::find(kTables.begin(), kTables.end(), stem) != kTables.end();
}

// The last window of "STEM.20260501T120000Z-NUMBER.EXTENSION[.gz|.zst]"; nothing for other names.
std::optional<std::uint64_t> rotated_window(std::string_view name) {
  for (const std::string_view suffix : {".gz", ".zst"}) {
    if (name.ends_with(suffix)) {
      name.remove_suffix(suffix.size());
    }
  }
  const std::size_t extension = name.rfind('.');
  const std::size_t time = extension == std::string_view::npos ? extension : name.rfind('.', extension - 1);
  if (extension == std::string_view::npos || time == std::string_view::npos || time == 0 ||
      !is_growing_name(name.substr(0, time), name.substr(extension))) {
    return std::nullopt;
  }
  const std::string_view middle = name.substr(time + 1, extension - time - 1);
  constexpr std::size_t kDate = 8;
  constexpr std::size_t kTime = 6;
  constexpr std::size_t kNumber = kDate + 1 + kTime + 2;
  if (middle.size() <= kNumber || !all_digits(middle.substr(0, kDate)) || middle[kDate] != 'T' ||
      !all_digits(middle.substr(kDate + 1, kTime)) || middle.substr(kNumber - 2, 2) != "Z-") {
    return std::nullopt;
  }
  return parse_number<std::uint64_t>(middle.substr(kNumber));
}

// The window of "result_NUMBER.json", or of "...-iterNUMBER.csv", which the earlier system's formats have.
std::optional<std::uint64_t> single_window(std::string_view name) {
  const auto number_between = [name](std::string_view before, std::string_view after) -> std::optional<std::uint64_t> {
    const std::size_t found = name.rfind(before);
    if (found == std::string_view::npos || !name.ends_with(after) ||
        name.size() < found + before.size() + after.size()) {
      return std::nullopt;
    }
    const std::size_t begin = found + before.size();
    return parse_number<std::uint64_t>(name.substr(begin, name.size() - begin - after.size()));
  };
  return name.starts_with("result_") ? number_between("result_", ".json") : number_between("-iter", ".csv");
}

// Nothing for a file that is none of ours, or grows.
std::optional<std::uint64_t> window_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (const auto rotated = rotated_window(name)) {
    return rotated;
  }
  const std::string folder = path.parent_path().filename().string();
  return folder == kDdosFolder || folder == kCryptoFolder ? single_window(name) : std::nullopt;
}

template <typename Act>
void each_file(const fs::path& directory, Act act) {
  std::error_code missing;
  for (fs::directory_iterator entry(directory, missing), end; !missing && entry != end; entry.increment(missing)) {
    std::error_code none;
    if (entry->symlink_status(none).type() == fs::file_type::regular) {
      act(entry->path());
    }
  }
}

}  // namespace

FileKeeper::FileKeeper(fs::path directory, const Retention& retention,
                       const std::vector<WindowWriter::Growing>& growing, std::uint64_t last_window, Warn warn)
    : directory_(std::move(directory)), retention_(retention), warn_(std::move(warn)) {
  const TimestampNs now = retention_.clock();
  for (const auto& [path, header_bytes] : growing) {
    growing_[path] = {std::min(now, begin_of(path, now)), header_bytes, last_window};
  }
  for (const fs::path& place : {directory_, directory_ / kDdosFolder, directory_ / kCryptoFolder}) {
    find_kept(place);
  }
}

void FileKeeper::find_kept(const fs::path& directory) {
  each_file(directory, [this](const fs::path& path) {
    if (window_of(path)) {
      add_kept(path, changed_at(path));
    }
  });
}

void FileKeeper::add_kept(const fs::path& path, TimestampNs time_ns) {
  const std::uint64_t bytes = file_bytes(path);
  if (kept_.emplace(Kept{time_ns, window_of(path).value_or(0), path}, bytes).second) {
    kept_bytes_ += bytes;
  }
}

void FileKeeper::before_window() {
  pending_bytes_ = 0;
  for (const auto& [path, grown] : std::map(growing_)) {
    if (is_due(path)) {
      rotate(path);
    }
  }
  rotate_for_room();
  remove_old();
  base_bytes_ = growing_bytes();
  needs_room_ = false;
  make_room(0);
}

bool FileKeeper::is_due(const fs::path& path) const {
  const std::uint64_t bytes = file_bytes(path);
  return (retention_.rotate.bytes && bytes >= *retention_.rotate.bytes) ||
         (retention_.rotate.age && retention_.clock() - growing_.at(path).begin_ns >= retention_.rotate.age->count());
}

// Growing files cannot be removed: they are to have half of the room at most, so that there is one to remove.
void FileKeeper::rotate_for_room() {
  if (!retention_.keep.bytes) {
    return;
  }
  while (needs_room_ || growing_bytes() > *retention_.keep.bytes / 2) {
    const auto largest = std::max_element(growing_.begin(), growing_.end(), [](const auto& one, const auto& other) {
      return file_bytes(one.first) < file_bytes(other.first);
    });
    const std::uint64_t bytes = largest == growing_.end() ? 0 : file_bytes(largest->first);
    if (largest == growing_.end() || bytes <= largest->second.header_bytes) {
      return;
    }
    rotate(fs::path(largest->first));
    if (file_bytes(largest->first) == bytes) {
      return;  // it could not be rotated, which is said
    }
  }
}

// A file of a header alone stays: it holds no window.
void FileKeeper::rotate(const fs::path& path) {
  const TimestampNs now = retention_.clock();
  std::error_code failure;
  const std::uint64_t last_window = growing_[path].last_window;
  growing_[path].begin_ns = now;
  if (file_bytes(path) <= growing_[path].header_bytes) {
    return;
  }
  fs::path rotated;
  const std::string name = path.stem().string() + "." + compact_time(now) + "-";
  rotated = path.parent_path() / (name + std::to_string(last_window) + path.extension().string());
  if (fs::exists(rotated, failure) || fs::exists(fs::path(rotated) += suffix_of(retention_.compression), failure)) {
    return;  // twice in a second without a window between
  }
  try {
    directory_of(path).rename(path.filename().string(), rotated.filename().string());
  } catch (const Error& error) {
    warn_(std::string("rotating: ") + error.what());
    return;
  }
  if (retention_.compression != Compression::none) {
    add_kept(rotated, now);
    const auto kept = kept_.find(Kept{now, last_window, rotated});
    compressed_ = &kept->first;
    base_bytes_ = growing_bytes();
    try {
      const fs::path compressed =
          compress_in_place(rotated, retention_.compression, [this](std::size_t bytes) { make_room(bytes); });
      kept_bytes_ -= kept->second;
      kept_.erase(kept);
      rotated = compressed;
    } catch (const Error& error) {
      warn_(rotated.string() + " stays as it is, not compressed: " + error.what());
    }
    compressed_ = nullptr;
    pending_bytes_ = 0;
  }
  add_kept(rotated, now);
}

void FileKeeper::remove_old() {
  if (!retention_.keep.age) {
    return;
  }
  const TimestampNs oldest = retention_.clock() - retention_.keep.age->count();
  while (!kept_.empty() && kept_.begin()->first.time_ns < oldest && remove_oldest()) {
  }
}

bool FileKeeper::remove_oldest() {
  auto oldest = kept_.begin();
  if (oldest != kept_.end() && &oldest->first == compressed_) {
    ++oldest;
  }
  if (oldest == kept_.end()) {
    return false;
  }
  try {
    remove_file(oldest->first.path);
  } catch (const Error& error) {
    warn_(error.what());
    return false;
  }
  kept_bytes_ -= oldest->second;
  kept_.erase(oldest);
  return true;
}

void FileKeeper::make_room(std::size_t bytes) {
  if (!retention_.keep.bytes) {
    return;
  }
  pending_bytes_ += bytes;
  const std::uint64_t others = base_bytes_ + pending_bytes_ + kHeaderRoom * growing_.size();
  while (others + kept_bytes_ > *retention_.keep.bytes) {
    // Nothing is removed in vain.
    if (others > *retention_.keep.bytes || !remove_oldest()) {
      if (bytes == 0) {
        return;
      }
      needs_room_ = true;
      throw Error("ENOSPC: the files in " + directory_.string() + " may have " +
                  std::to_string(*retention_.keep.bytes) + " bytes together (--keep), and the window needs more");
    }
  }
}

void FileKeeper::after_window(const std::vector<fs::path>& files, std::uint64_t window) {
  const TimestampNs now = retention_.clock();
  for (const fs::path& path : files) {
    if (const auto found = growing_.find(path); found != growing_.end()) {
      found->second.last_window = window;
    } else {
      add_kept(path, now);
    }
  }
  base_bytes_ = growing_bytes();
  pending_bytes_ = 0;
}

bool FileKeeper::after_failure() {
  base_bytes_ = growing_bytes();
  pending_bytes_ = 0;
  return needs_room_ && std::any_of(growing_.begin(), growing_.end(),
                                    [](const auto& one) { return file_bytes(one.first) > one.second.header_bytes; });
}

std::uint64_t FileKeeper::growing_bytes() const {
  return std::accumulate(growing_.begin(), growing_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& one) { return sum + file_bytes(one.first); });
}

std::uint64_t next_rotated_window(const fs::path& directory) {
  std::uint64_t next = 0;
  for (const fs::path& place : {directory, directory / kCryptoFolder}) {
    each_file(place, [&next](const fs::path& path) {
      if (const auto window = rotated_window(path.filename().string())) {
        next = std::max(next, *window + 1);
      }
    });
  }
  return next;
}

}  // namespace nicsentry
