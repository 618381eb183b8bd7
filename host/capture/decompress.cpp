// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/decompress.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr std::size_t kInputBytes = std::size_t{64} << 10U;
constexpr std::uint8_t kGzipMagic[] = {0x1f, 0x8b};
constexpr std::uint8_t kZstdMagic[] = {0x28, 0xb5, 0x2f, 0xfd};
// Frames that a decoder skips; pzstd begins with one. The lower 4 bits of the first byte are free (RFC 8878, 3.1.2).
constexpr std::uint8_t kSkippedMagic[] = {0x50, 0x2a, 0x4d, 0x18};
constexpr std::uint8_t kSkippedFreeBits = 0x0f;
constexpr int kZstdLargestWindow = 27;  // 2^27 bytes: what zstd(1) takes without --long

bool begins_with(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

// The compressed bytes of a file, some at a time.
class Compressed {
 public:
  explicit Compressed(std::unique_ptr<ByteSource> source) : source_(std::move(source)), buffer_(kInputBytes) {}

  // The bytes that are not used yet. Reads more if there are none; empty at the end of the file.
  std::span<const std::uint8_t> left() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = source_->read(buffer_);
    }
    return std::span(buffer_).subspan(begin_, end_ - begin_);
  }
  void use(std::size_t count) {
    begin_ += count;
    used_ += count;
  }
  std::uint64_t used() const { return used_; }

 private:
  std::unique_ptr<ByteSource> source_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t used_ = 0;
};

class Decompressor : public ByteSource {
 public:
  Decompressor(std::unique_ptr<ByteSource> source, const char* name) : input_(std::move(source)), name_(name) {}

  std::uint64_t file_position() const override { return input_.used(); }

 protected:
  Compressed& input() { return input_; }
  [[noreturn]] void damaged(const std::string& reason) const { fails("damaged", reason); }
  [[noreturn]] void fails(const char* how, const std::string& reason) const {
    throw Error(std::string(name_) + " data " + how + " near byte " + std::to_string(input_.used()) +
                " of the file: " + reason);
  }
  [[noreturn]] void cut_off() const {
    throw Error(std::string(name_) + " data cut off at byte " + std::to_string(input_.used()) + " of the file");
  }

 private:
  Compressed input_;
  const char* name_;
};

class GzipBytes : public Decompressor {
 public:
  explicit GzipBytes(std::unique_ptr<ByteSource> source) : Decompressor(std::move(source), "gzip") {
    constexpr int kGzipOnly = 16;  // zlib.h, inflateInit2()
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw Error("zlib: no memory");
  }
  ~GzipBytes() override { inflateEnd(&stream_); }
  GzipBytes(const GzipBytes&) = delete;
  GzipBytes& operator=(const GzipBytes&) = delete;

  std::size_t read(std::span<std::uint8_t> into) override {
    std::size_t count = 0;
    while (count == 0) {
      if (failure_ != nullptr) damaged(failure_);
      const auto left = input().left();
      if (left.empty()) {
        if (in_member_) cut_off();
        return 0;
      }
      if (!in_member_ && padding(left)) continue;
      in_member_ = true;
      count = inflate_some(left, into);
    }
    return count;
  }

 private:
  // Zeros behind a member are padding (of a tape), as gzip(1) has it.
  bool padding(std::span<const std::uint8_t> left) {
    const auto zeros = static_cast<std::size_t>(
        std::find_if(left.begin(), left.end(), [](std::uint8_t byte) { return byte != 0; }) - left.begin());
    if (first_ || zeros == 0) return false;
    input().use(zeros);
    return true;
  }

  std::size_t inflate_some(std::span<const std::uint8_t> left, std::span<std::uint8_t> into) {
    // zlib does not write through next_in, but takes a pointer to bytes that are not constant.
    stream_.next_in = const_cast<Bytef*>(left.data());
    stream_.avail_in = static_cast<uInt>(left.size());
    stream_.next_out = into.data();
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size(), std::numeric_limits<uInt>::max()));
    const auto room = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    input().use(left.size() - stream_.avail_in);
    if (result == Z_STREAM_END) {
      inflateReset(&stream_);
      in_member_ = first_ = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {  // what came before it is given first
      failure_ = stream_.msg != nullptr ? stream_.msg : "not a deflate stream";
    }
    return room - stream_.avail_out;
  }

  z_stream stream_{};
  bool in_member_ = false;
  bool first_ = true;
  const char* failure_ = nullptr;
};

class ZstdBytes : public Decompressor {
 public:
  explicit ZstdBytes(std::unique_ptr<ByteSource> source)
      : Decompressor(std::move(source), "zstd"), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw Error("zstd: no memory");
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kZstdLargestWindow);
  }
  ~ZstdBytes() override { ZSTD_freeDStream(stream_); }
  ZstdBytes(const ZstdBytes&) = delete;
  ZstdBytes& operator=(const ZstdBytes&) = delete;

  std::size_t read(std::span<std::uint8_t> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
      if (ZSTD_isError(failure_) != 0) fail();
      const auto left = input().left();
      // At the end of the file the decoder may still hold bytes that had no room.
      ZSTD_inBuffer in{left.data(), left.size(), 0};
      const bool at_end = left.empty();
      if (at_end && !in_frame_) return 0;
      const std::size_t result = ZSTD_decompressStream(stream_, &out, &in);
      input().use(in.pos);
      if (ZSTD_isError(result) != 0) failure_ = result;  // what came before it is given first
      in_frame_ = result != 0;
      if (at_end && out.pos == 0 && in_frame_) cut_off();
    }
    return out.pos;
  }

 private:
  [[noreturn]] void fail() const {
    if (ZSTD_getErrorCode(failure_) == ZSTD_error_frameParameter_windowTooLarge) {
      fails("not read", "its window is larger than 128 MiB; 'zstd -d --long=31' decompresses it");
    }
    damaged(ZSTD_getErrorName(failure_));
  }

  ZSTD_DStream* stream_;
  bool in_frame_ = false;
  std::size_t failure_ = 0;
};

}  // namespace

bool is_gzip(std::span<const std::uint8_t> first) { return begins_with(first, kGzipMagic); }

bool is_zstd(std::span<const std::uint8_t> first) {
  if (begins_with(first, kZstdMagic)) return true;
  if (first.size() < std::size(kSkippedMagic)) return false;
  return (first[0] & ~kSkippedFreeBits) == kSkippedMagic[0] &&
         std::equal(first.begin() + 1, first.begin() + std::size(kSkippedMagic), kSkippedMagic + 1);
}

std::unique_ptr<ByteSource> gunzip(std::unique_ptr<ByteSource> compressed) {
  return std::make_unique<GzipBytes>(std::move(compressed));
}

std::unique_ptr<ByteSource> unzstd(std::unique_ptr<ByteSource> compressed) {
  return std::make_unique<ZstdBytes>(std::move(compressed));
}

}  // namespace nicsentry
