// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "host/capture/byte_reader.h"
#include "host/capture/record.h"

namespace nicsentry {

// Whether the first 4 bytes of a file are those of a classic pcap file: with microseconds or nanoseconds, of either
// order of bytes, also the variant with longer record headers (Kuznetsov's).
bool is_classic(std::span<const std::uint8_t> first);

// Reads a classic pcap file from its first byte on (draft-ietf-opsawg-pcap). Seconds are unsigned: they reach to 2106.
// Throws Error if the file header is damaged. `reader` must outlive the result.
std::unique_ptr<RecordReader> read_classic(ByteReader& reader);

}  // namespace nicsentry
