// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/directory.h"
#include "host/base/unique_fd.h"

namespace nicsentry {

// Makes the directory and missing parents, and checks that files can be written there. Throws SystemError that names
// the directory.
void prepare_directory(const std::filesystem::path& directory);
// The same of a directory that nobody else may read, without its parents: a mistyped path is an error. Sets its mode to
// 0700. Returns whether others could write to it before. Throws Error if it belongs to another user.
bool prepare_private_directory(const std::filesystem::path& directory);
// Removes a file, if it is there. Throws SystemError.
void remove_file(const std::filesystem::path& path);
// Makes the names in a directory durable. Throws SystemError.
void sync_directory(const std::filesystem::path& directory);

constexpr mode_t kModeByUmask = 0666;  // less the umask
constexpr mode_t kModePrivate = 0600;

// Called before bytes are written to a disk; it may throw.
using BeforeWrite = std::function<void(std::size_t bytes)>;

// A file that is being written. A new file has a temporary name beside its own until publish(). An extended file is cut
// back to its former length unless it is published. Errors are SystemErrors that name the file. One thread at a time.
class PendingFile {
 public:
  enum class Kind : std::uint8_t { create, extend };

  // `mode`: of a new file.
  PendingFile(const std::filesystem::path& path, Kind kind, mode_t mode = kModeByUmask);
  PendingFile(std::shared_ptr<const Directory> directory, std::string name, Kind kind, mode_t mode = kModeByUmask);
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  void set_before_write(BeforeWrite before_write) { before_write_ = std::move(before_write); }
  void write(std::string_view text);
  // Makes the content written so far durable; after publish() also the name.
  void sync();
  // Writes everything to the file system. Call it before publish().
  void finish();
  // Never fails for an extended file. For a new file after sync(), fails only if it cannot be renamed, not if its name
  // cannot be made durable.
  void publish();

  Kind kind() const { return kind_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void open_new();
  void open_existing();
  void flush();

  std::shared_ptr<const Directory> directory_;
  std::string name_;
  std::string temporary_name_;  // of a new file
  std::filesystem::path path_;
  Kind kind_;
  mode_t mode_;
  UniqueFd descriptor_;
  off_t former_length_ = 0;
  bool synced_ = false;
  bool published_ = false;
  std::string buffer_;
  BeforeWrite before_write_;
};

// The files of one window: publish() makes all of them appear, otherwise none appears. One thread at a time.
class FileBatch {
 public:
  explicit FileBatch(BeforeWrite before_write = {}) : before_write_(std::move(before_write)) {}

  // The reference is valid as long as the batch.
  PendingFile& create(const std::filesystem::path& path);
  PendingFile& extend(const std::filesystem::path& path);

  // Finishes all files and makes them appear. Returns their paths in the order of creation. No file appears if one
  // cannot be finished.
  std::vector<std::filesystem::path> publish();

 private:
  PendingFile& add(const std::filesystem::path& path, PendingFile::Kind kind);

  std::shared_ptr<const Directory> directory_;  // of the last file: many files of a batch are in the same one
  BeforeWrite before_write_;
  std::vector<std::unique_ptr<PendingFile>> files_;
};

// The treatment of a growing file that an earlier run left.
enum class EarlierFile : std::uint8_t { continued, replaced };

// A file that begins with a header and is extended piece by piece.
class GrowingFile {
 public:
  // Creates a file with only the header, unless there is one to continue.
  GrowingFile(std::filesystem::path path, std::string header, EarlierFile earlier);

  // Returns the file's extension within a batch. Creates the file again if it was moved away or emptied.
  PendingFile& extend(FileBatch& batch) const;

  const std::filesystem::path& path() const { return path_; }
  std::size_t header_bytes() const { return header_.size(); }

 private:
  bool has_begun() const;
  void start() const;

  std::filesystem::path path_;
  std::string header_;
};

}  // namespace nicsentry
