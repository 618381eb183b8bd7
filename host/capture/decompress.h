// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "host/capture/byte_source.h"

namespace nicsentry {

// Whether a stream begins as one of gzip (RFC 1952) or zstd (RFC 8878).
bool is_gzip(std::span<const std::uint8_t> first);
bool is_zstd(std::span<const std::uint8_t> first);

// Decompress a stream of one or several members. Memory is bounded: a zstd frame whose window is larger than 128 MiB is
// refused.
std::unique_ptr<ByteSource> gunzip(std::unique_ptr<ByteSource> compressed);
std::unique_ptr<ByteSource> unzstd(std::unique_ptr<ByteSource> compressed);

}  // namespace nicsentry
