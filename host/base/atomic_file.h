// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nicsentry {

// Makes the directory and those above it where they are missing, and makes sure that files can be written there.
// Throws SystemError naming the directory.
void prepare_directory(const std::filesystem::path& directory);

// A file in the making: a new one has a temporary name beside its own until publish(), an extended one is cut back to
// its former length unless published. Errors are SystemErrors naming the file. One thread at a time.
class PendingFile {
 public:
  enum class Kind : std::uint8_t { create, extend };

  PendingFile(std::filesystem::path path, Kind kind);
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  void write(std::string_view text);
  // What was written until now outlives a loss of power, after publish() also the name.
  void sync();
  // Everything is with the file system and the file closed; publish() needs it.
  void finish();
  // Never fails for an extended file; for a new one that was synced, also where the name cannot be.
  void publish();

  Kind kind() const { return kind_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void open_new();
  void open_existing();
  void flush();
  void sync_directory() const;
  void close_unchecked();

  std::filesystem::path path_;
  std::filesystem::path written_path_;  // temporary for a new file, else path_
  Kind kind_;
  int descriptor_ = -1;
  off_t former_length_ = 0;
  bool synced_ = false;
  bool published_ = false;
  std::string buffer_;
};

// The files of one window: all of them or, without publish(), none. One thread at a time.
class FileBatch {
 public:
  // The reference stays valid as long as the batch.
  PendingFile& create(const std::filesystem::path& path);
  PendingFile& extend(const std::filesystem::path& path);

  // Finishes all files and lets them appear; returns their paths in the order of creation. Nothing appears when one
  // cannot be finished.
  std::vector<std::filesystem::path> publish();

 private:
  PendingFile& add(const std::filesystem::path& path, PendingFile::Kind kind);

  std::vector<std::unique_ptr<PendingFile>> files_;
};

// A file that begins with a header and grows by a piece now and then.
class GrowingFile {
 public:
  // Starts anew: replaces a file of an earlier run by one with the header alone.
  GrowingFile(std::filesystem::path path, std::string header);

  // The file's extension within a batch. A file that was moved away in the meantime is started anew.
  PendingFile& extend(FileBatch& batch) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  void start() const;

  std::filesystem::path path_;
  std::string header_;
};

}  // namespace nicsentry
