// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/byte_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/capture/decompress.h"

namespace nicsentry {
namespace {

std::string text_of(const std::filesystem::path& path) {
  return path == kStandardInput ? "standard input" : path.string();
}

class FileBytes : public ByteSource {
 public:
  FileBytes(UniqueFd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  std::size_t read(std::span<std::uint8_t> into) override {
    ssize_t count = 0;
    do {
      count = ::read(fd_.get(), into.data(), into.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      throw SystemError(errno, "reading " + text_of(path_));
    }
    position_ += static_cast<std::uint64_t>(count);
    return static_cast<std::size_t>(count);
  }
  std::uint64_t file_position() const override { return position_; }

 private:
  UniqueFd fd_;
  std::filesystem::path path_;
  std::uint64_t position_ = 0;
};

// Hands out again what was read to tell the format.
class PeekedBytes : public ByteSource {
 public:
  PeekedBytes(std::unique_ptr<ByteSource> source, std::vector<std::uint8_t> peeked)
      : source_(std::move(source)), peeked_(std::move(peeked)) {}

  std::size_t read(std::span<std::uint8_t> into) override {
    if (given_ == peeked_.size()) {
      return source_->read(into);
    }
    const std::size_t count = std::min(into.size(), peeked_.size() - given_);
    std::copy_n(peeked_.begin() + static_cast<std::ptrdiff_t>(given_), count, into.begin());
    given_ += count;
    return count;
  }
  std::uint64_t file_position() const override { return given_ < peeked_.size() ? given_ : source_->file_position(); }

 private:
  std::unique_ptr<ByteSource> source_;
  std::vector<std::uint8_t> peeked_;
  std::size_t given_ = 0;
};

UniqueFd open_file(const std::filesystem::path& path) {
  const int fd = path == kStandardInput ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                        : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    throw SystemError(errno, "opening " + text_of(path));
  }
  return UniqueFd(fd);
}

}  // namespace

std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path) {
  std::unique_ptr<ByteSource> file = std::make_unique<FileBytes>(open_file(path), path);
  std::vector<std::uint8_t> first(4);
  std::size_t count = 0;
  while (count < first.size()) {
    const std::size_t more = file->read(std::span(first).subspan(count));
    if (more == 0) break;
    count += more;
  }
  first.resize(count);
  const bool gzip = is_gzip(first);
  const bool zstd = is_zstd(first);
  auto whole = std::make_unique<PeekedBytes>(std::move(file), std::move(first));
  if (gzip) return gunzip(std::move(whole));
  if (zstd) return unzstd(std::move(whole));
  return whole;
}

}  // namespace nicsentry
