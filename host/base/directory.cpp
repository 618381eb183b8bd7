// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr mode_t kDirectoryMode = 0777;  // less the umask
constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;

bool others_write(int directory, const std::filesystem::path& path) {
  struct stat status {};
  if (fstat(directory, &status) != 0) throw SystemError(errno, "looking at " + path.string());
  return (status.st_uid != 0 && status.st_uid != geteuid()) || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

// The error of openat() with O_NOFOLLOW.
SystemError open_error(int code, int directory, const std::string& name, const std::string& what) {
  struct stat status {};
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode)) {
    return {ELOOP, what + " (a symbolic link in a directory that others may write is not followed)"};
  }
  return {code, what};
}

struct Opened {
  UniqueFd fd;
  bool others_write = false;
};

Opened open_start(const char* path) {
  UniqueFd fd(::open(path, kFlags));
  if (!fd) throw SystemError(errno, std::string("opening ") + path);
  const bool writable = others_write(fd.get(), path);
  return {std::move(fd), writable};
}

Opened open_path(const std::filesystem::path& path, Directory::Missing missing) {
  if (path.empty()) return open_start(".");
  if (path == path.root_path()) return open_start("/");
  const std::string name = path.filename().string();
  if (name.empty()) return open_path(path.parent_path(), missing);  // "a/b/"
  const bool with_parents = missing == Directory::Missing::is_made_with_parents;
  const Opened parent = open_path(path.parent_path(), with_parents ? missing : Directory::Missing::is_error);
  const auto open_in_parent = [&parent, &name] {
    return UniqueFd(openat(parent.fd.get(), name.c_str(), kFlags | (parent.others_write ? O_NOFOLLOW : 0)));
  };
  UniqueFd fd = open_in_parent();
  if (!fd && errno == ENOENT && missing != Directory::Missing::is_error) {
    if (mkdirat(parent.fd.get(), name.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
      throw SystemError(errno, "making the directory " + path.string());
    }
    fd = open_in_parent();
  }
  if (!fd) {
    const int code = errno;
    if (parent.others_write) throw open_error(code, parent.fd.get(), name, "opening " + path.string());
    throw SystemError(code, "opening " + path.string());
  }
  const bool writable = others_write(fd.get(), path);
  return {std::move(fd), writable};
}

}  // namespace

Directory::Directory(const std::filesystem::path& path, Missing missing) : path_(path) {
  Opened opened = open_path(path, missing);
  fd_ = std::move(opened.fd);
  others_write_ = opened.others_write;
}

UniqueFd Directory::open(const std::string& name, int flags, mode_t mode, const std::string& what) const {
  UniqueFd fd(openat(fd_.get(), name.c_str(), flags | O_CLOEXEC | (others_write_ ? O_NOFOLLOW : 0), mode));
  if (fd) return fd;
  const int code = errno;
  const std::string tried = what + " " + (path_ / name).string();
  if (others_write_) throw open_error(code, fd_.get(), name, tried);
  throw SystemError(code, tried);
}

void Directory::rename(const std::string& from, const std::string& to) const {
  if (renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) != 0) {
    throw SystemError(errno, "writing " + (path_ / to).string());
  }
}

void Directory::remove(const std::string& name) const noexcept { unlinkat(fd_.get(), name.c_str(), 0); }

Directory directory_of(const std::filesystem::path& file) {
  try {
    return Directory(file.parent_path());
  } catch (const SystemError& error) {
    if (error.code() == ELOOP) throw;
    throw SystemError(error.code(), "opening " + file.string());
  }
}

}  // namespace nicsentry
