// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

constexpr std::size_t flush_bytes = std::size_t{256} * 1024;
constexpr int temporary_name_attempts = 100;  // a killed process with our process id may have left some

std::string temporary_name() {
  static std::atomic<std::uint64_t> serial{0};
  return fmt::format(".nicsentry-{}-{}.tmp", ::getpid(), serial++);
}

}  // namespace

namespace {

void prepare(const std::filesystem::path& directory, Directory::Missing missing, const char* what) {
  const auto opened = std::make_shared<const Directory>(directory, missing);
  // Permissions are not conclusive (root, read-only mounts), so a test file is made. Its PendingFile removes it.
  try {
    PendingFile probe(opened, "probe", PendingFile::Kind::create);
    probe.finish();
  } catch (const SystemError& failure) {
    throw SystemError(failure.code(), "writing in the " + std::string(what) + " " + directory.string());
  }
}

// The first directory on the way to one that is missing.
std::filesystem::path first_missing(const std::filesystem::path& directory) {
  std::filesystem::path missing = std::filesystem::absolute(directory);
  std::error_code unknown_is_missing;
  while (missing.has_relative_path() && !std::filesystem::exists(missing.parent_path(), unknown_is_missing)) {
    missing = missing.parent_path();
  }
  return missing;
}

}  // namespace

void prepare_directory(const std::filesystem::path& directory) {
  prepare(directory, Directory::Missing::is_made_with_parents, "output directory");
}

bool prepare_private_directory(const std::filesystem::path& directory) {
  constexpr mode_t kOthers = 077;
  std::error_code unknown_is_new;
  const bool is_new = !std::filesystem::exists(directory, unknown_is_new);
  try {
    prepare(directory, Directory::Missing::is_made, "directory");
  } catch (const SystemError& failure) {
    if (failure.code() != ENOENT) throw;
    throw SystemError(ENOENT, "making the directory " + directory.string() + ": " + first_missing(directory).string() +
                                  " is missing, and only the last part of a path is made");
  }
  const UniqueFd descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!descriptor || ::fstat(descriptor.get(), &status) != 0) {
    throw SystemError(errno, "opening " + directory.string());
  }
  if (status.st_uid != ::geteuid()) {
    throw Error("EPERM: the directory " + directory.string() + " belongs to user " + std::to_string(status.st_uid) +
                ", who may change what is in it; allowed is one of this user");
  }
  if ((status.st_mode & kOthers) != 0 && ::fchmod(descriptor.get(), S_IRWXU) != 0) {
    throw SystemError(errno, "setting the mode of " + directory.string());
  }
  return !is_new && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

void remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw SystemError(errno, "removing " + path.string());
}

void sync_directory(const std::filesystem::path& directory) {
  const UniqueFd descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor) throw SystemError(errno, "opening " + directory.string());
  // EINVAL: the file system does not support fsync of directories.
  if (::fsync(descriptor.get()) != 0 && errno != EINVAL) {
    throw SystemError(errno, "writing the directory " + directory.string());
  }
}

PendingFile::PendingFile(const std::filesystem::path& path, Kind kind, mode_t mode)
    : PendingFile(std::make_shared<const Directory>(directory_of(path)), path.filename().string(), kind, mode) {}

PendingFile::PendingFile(std::shared_ptr<const Directory> directory, std::string name, Kind kind, mode_t mode)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      path_(directory_->path() / name_),
      kind_(kind),
      mode_(mode) {
  if (kind_ == Kind::create) {
    open_new();
  } else {
    open_existing();
  }
}

PendingFile::~PendingFile() {
  if (!published_ && kind_ == Kind::create) {
    directory_->remove(temporary_name_);
  } else if (!published_ && ::ftruncate(descriptor_.get(), former_length_) != 0) {
    // An error is ignored: truncation fails only if the file system is gone.
  }
}

void PendingFile::open_new() {
  for (int attempt = 0;; ++attempt) {
    temporary_name_ = temporary_name();
    try {
      descriptor_ = directory_->open(temporary_name_, O_WRONLY | O_CREAT | O_EXCL, mode_, "");
      return;
    } catch (const SystemError& error) {
      if (error.code() != EEXIST || attempt == temporary_name_attempts) {
        throw SystemError(error.code(), "writing " + path_.string());
      }
    }
  }
}

void PendingFile::open_existing() {
  descriptor_ = directory_->open(name_, O_WRONLY | O_APPEND, 0, "extending");
  struct stat status {};
  if (::fstat(descriptor_.get(), &status) != 0) throw SystemError(errno, "extending " + path_.string());
  former_length_ = status.st_size;
}

void PendingFile::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= flush_bytes) flush();
}

void PendingFile::flush() {
  std::string_view rest = buffer_;
  if (before_write_ && !rest.empty()) {
    before_write_(rest.size());
  }
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_.get(), rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw SystemError(errno, "writing " + path_.string());
    }
  }
  buffer_.clear();
}

void PendingFile::sync() {
  flush();
  if (::fsync(descriptor_.get()) != 0) throw SystemError(errno, "writing " + path_.string());
  synced_ = true;
}

void PendingFile::finish() {
  if (!descriptor_) return;
  flush();
  std::string().swap(buffer_);  // a batch may have many finished files
  // Some file systems (NFS) report a full disk only when a descriptor is closed. An extended file keeps its own one, by
  // which it may be cut back.
  const int closed = ::fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0);
  if (closed < 0 || ::close(closed) != 0) throw SystemError(errno, "writing " + path_.string());
  if (kind_ == Kind::create) descriptor_ = UniqueFd();
}

void PendingFile::publish() {
  if (kind_ == Kind::create) directory_->rename(temporary_name_, name_);
  published_ = true;
  if (synced_ && kind_ == Kind::create) {
    sync_directory(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
  }
}

PendingFile& FileBatch::create(const std::filesystem::path& path) { return add(path, PendingFile::Kind::create); }

PendingFile& FileBatch::extend(const std::filesystem::path& path) { return add(path, PendingFile::Kind::extend); }

PendingFile& FileBatch::add(const std::filesystem::path& path, PendingFile::Kind kind) {
  if (!directory_ || directory_->path() != path.parent_path()) {
    directory_ = std::make_shared<const Directory>(directory_of(path));
  }
  files_.push_back(std::make_unique<PendingFile>(directory_, path.filename().string(), kind));
  files_.back()->set_before_write(before_write_);
  return *files_.back();
}

std::vector<std::filesystem::path> FileBatch::publish() {
  std::vector<std::filesystem::path> paths;
  paths.reserve(files_.size());
  for (const auto& file : files_) {
    file->finish();
    paths.push_back(file->path());
  }
  // Renaming may still fail; extended files then stay unchanged.
  for (const auto& file : files_) {
    if (file->kind() == PendingFile::Kind::create) file->publish();
  }
  for (const auto& file : files_) {
    if (file->kind() == PendingFile::Kind::extend) file->publish();
  }
  files_.clear();
  return paths;
}

GrowingFile::GrowingFile(std::filesystem::path path, std::string header, EarlierFile earlier)
    : path_(std::move(path)), header_(std::move(header)) {
  if (earlier == EarlierFile::replaced || !has_begun()) start();
}

PendingFile& GrowingFile::extend(FileBatch& batch) const {
  if (!has_begun()) start();
  return batch.extend(path_);
}

bool GrowingFile::has_begun() const {
  std::error_code unknown_is_missing;
  const auto bytes = std::filesystem::file_size(path_, unknown_is_missing);
  return !unknown_is_missing && (bytes != 0 || header_.empty());
}

void GrowingFile::start() const {
  FileBatch batch;
  batch.create(path_).write(header_);
  batch.publish();
}

}  // namespace nicsentry
