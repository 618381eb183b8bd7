// SPDX-License-Identifier: GPL-2.0-or-later
#include <zlib.h>
#include <zstd.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "host/capture/capture_file.h"
#include "tests/capture/capture_builder.h"

namespace nicsentry::decompress_test {
namespace {

using namespace capture_test;

Octets gzip(const Octets& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Octets out(bytes.size() + 1000);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Octets zstd(const Octets& bytes) {
  Octets out(ZSTD_compressBound(bytes.size()) + 4);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size());
  ZSTD_freeCCtx(context);
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

// Their payloads cannot be compressed, so that a compressed file that is cut off has many packets before its end.
Octets packets(std::size_t count) {
  std::mt19937 random(1);
  Octets bytes;
  for (std::size_t i = 0; i < count; ++i) {
    Octets payload(200);
    for (std::uint8_t& octet : payload) octet = static_cast<std::uint8_t>(random());
    bytes = bytes + classic_packet(1000 + static_cast<std::uint32_t>(i), 0, ethernet_frame(0x0800, payload));
  }
  return bytes;
}

struct Counted {
  std::size_t packets = 0;
  std::string damage;
};

Counted count_packets(const Octets& bytes) {
  const TemporaryDirectory directory;
  CaptureFile file(directory.write("capture", bytes));
  Counted counted;
  CapturedFrame frame;
  while (file.next(frame)) ++counted.packets;
  counted.damage = file.damage();
  return counted;
}

TEST_CASE("a compressed capture is read, whole or in several members") {
  for (const auto& compress : {&gzip, &zstd}) {
    const Octets first = classic_header(1) + packets(300);
    const Counted one = count_packets(compress(first));
    CHECK(one.packets == 300);
    CHECK(one.damage.empty());
    const Counted two = count_packets(compress(first) + compress(packets(200)));
    CHECK(two.packets == 500);
    CHECK(two.damage.empty());
    // A member may end within a packet.
    const Counted split = count_packets(compress(Octets(first.begin(), first.begin() + 10'001)) +
                                        compress(Octets(first.begin() + 10'001, first.end())));
    CHECK(split.packets == 300);
    CHECK(split.damage.empty());
  }
  CHECK(count_packets(gzip(classic_header(1) + packets(3)) + Octets(512)).damage.empty());  // a tape's padding
}

// A zstd frame (RFC 8878) with a window of 2^`window_log` bytes, of which a block gives the last.
Octets zstd_frame(unsigned window_log, const Octets& block) {
  return Octets{0x28, 0xb5, 0x2f, 0xfd, 0, static_cast<std::uint8_t>((window_log - 10) << 3U)} + block;
}

Octets stored(const Octets& bytes) { return number(bytes.size() << 3U | 1U, 3, Order::little) + bytes; }

TEST_CASE("a zstd frame with a window of more than 128 MiB is refused with the way out") {
  const Octets capture = stored(classic_header(1) + packets(3));
  CHECK(count_packets(zstd_frame(27, capture)).packets == 3);
  CHECK_THROWS_WITH(count_packets(zstd_frame(31, capture)),
                    Catch::Contains("128 MiB") && Catch::Contains("--long=31") && !Catch::Contains("damaged"));
  const Counted later = count_packets(zstd_frame(20, capture) + zstd_frame(28, stored(packets(2))));
  CHECK(later.packets == 3);
  CHECK_THAT(later.damage, Catch::Contains("128 MiB"));
}

TEST_CASE("zstd frames to be skipped, as pzstd writes them, may come first") {
  for (const unsigned free_bits : {0x0U, 0xfU}) {
    const Octets skipped =
        Octets{static_cast<std::uint8_t>(0x50U | free_bits), 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
    const Counted counted = count_packets(skipped + zstd(classic_header(1) + packets(3)));
    CHECK(counted.packets == 3);
    CHECK(counted.damage.empty());
  }
}

TEST_CASE("members without a byte are passed over, as many as there are") {
  for (const auto& compress : {&gzip, &zstd}) {
    const Octets empty = compress({});
    Octets bytes;
    for (int i = 0; i < 100'000; ++i) bytes.insert(bytes.end(), empty.begin(), empty.end());
    const Counted counted = count_packets(bytes + compress(classic_header(1) + packets(3)) + bytes);
    CHECK(counted.packets == 3);
    CHECK(counted.damage.empty());
  }
}

TEST_CASE("a damaged compressed capture is an error that names the place, and what came before it is read") {
  for (const auto& [compress, name] : {std::pair{&gzip, "gzip"}, std::pair{&zstd, "zstd"}}) {
    const Octets whole = compress(classic_header(1) + packets(2000));
    const Octets cut(whole.begin(), whole.end() - 5000);
    const Counted read = count_packets(cut);
    CHECK(read.packets > 100);
    CHECK(read.packets < 2000);
    CHECK_THAT(read.damage,
               Catch::Contains(std::string(name) + " data cut off at byte " + std::to_string(cut.size())) &&
                   Catch::Contains("packet " + std::to_string(read.packets + 1)));
    Octets wrong = whole;
    wrong.back() ^= 0x55;  // of the length or the checksum at a member's end
    const Counted damaged = count_packets(wrong);
    CHECK(damaged.packets > 1900);
    CHECK_THAT(damaged.damage, Catch::Contains(std::string(name) + " data damaged near byte"));
    const Counted behind = count_packets(whole + Octets{'j', 'u', 'n', 'k'});
    CHECK(behind.packets == 2000);
    CHECK_THAT(behind.damage, Catch::Contains(name));
  }
}

}  // namespace
}  // namespace nicsentry::decompress_test
