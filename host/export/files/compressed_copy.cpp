// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/compressed_copy.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr int kZstdLevel = 3;

using TakeBytes = std::function<void(std::string_view)>;

// A compressor gets pieces of the input, the last one with `last`, and hands on what it has made.
class GzipStream {
 public:
  GzipStream() {
    constexpr int kGzip = 15 + 16;  // the largest window, and gzip's header (zlib.h)
    constexpr int kMemory = 8;
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw Error("ENOMEM: compressing by gzip");
    }
  }
  ~GzipStream() { deflateEnd(&stream_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  void add(std::string_view piece, bool last, const TakeBytes& take) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));  // zlib reads only
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      take(std::string_view(out_.data(), out_.size() - stream_.avail_out));
    } while (stream_.avail_out == 0);
  }

 private:
  z_stream stream_{};
  std::vector<char> out_ = std::vector<char>(kPiece);
};

class ZstdStream {
 public:
  ZstdStream() : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) {
      throw Error("ENOMEM: compressing by zstd");
    }
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }

  ~ZstdStream() { ZSTD_freeCCtx(context_); }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;

  void add(std::string_view piece, bool last, const TakeBytes& take) {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      left = ZSTD_compressStream2(context_, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0) {
        throw Error(std::string("compressing by zstd: ") + ZSTD_getErrorName(left));
      }
      take(std::string_view(out_.data(), out.pos));
    } while (last ? left != 0 : in.pos < in.size);
  }

 private:
  ZSTD_CCtx* context_;
  std::vector<char> out_ = std::vector<char>(kPiece);
};

template <typename Stream>
void compress_stream(int from, const std::filesystem::path& path, const TakeBytes& take) {
  Stream stream;
  std::vector<char> piece(kPiece);
  for (;;) {
    const ssize_t got = ::read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw SystemError(errno, "reading " + path.string());
    }
    stream.add(std::string_view(piece.data(), static_cast<std::size_t>(got)), got == 0, take);
    if (got == 0) {
      return;
    }
  }
}

}  // namespace

const char* suffix_of(Compression compression) {
  switch (compression) {
    case Compression::none:
      break;
    case Compression::gzip:
      return ".gz";
    case Compression::zstd:
      return ".zst";
  }
  return "";
}

std::filesystem::path compress_in_place(const std::filesystem::path& path, Compression compression,
                                        const std::function<void(std::size_t)>& room) {
  const Directory directory = directory_of(path);
  const UniqueFd from = directory.open(path.filename().string(), O_RDONLY, 0, "compressing");
  std::filesystem::path target = path;
  target += suffix_of(compression);
  PendingFile file(target, PendingFile::Kind::create);
  const TakeBytes take = [&file, &room](std::string_view bytes) {
    room(bytes.size());
    file.write(bytes);
  };
  if (compression == Compression::gzip) {
    compress_stream<GzipStream>(from.get(), path, take);
  } else {
    compress_stream<ZstdStream>(from.get(), path, take);
  }
  file.finish();
  file.publish();
  directory.remove(path.filename().string());
  return target;
}

}  // namespace nicsentry
