// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "host/capture/byte_reader.h"
#include "host/capture/record.h"

namespace nicsentry {

// Whether the first 4 bytes of a file are those of a pcapng file.
bool is_pcapng(std::span<const std::uint8_t> first);

// Reads a pcapng file from its first byte on (draft-ietf-opsawg-pcapng): sections of either order of bytes, interfaces
// with link types, snap lengths and clocks of their own; enhanced, simple and obsolete packet blocks. Other blocks are
// passed over. A packet without a time stamp has that of the packet before it. `reader` must outlive the result.
std::unique_ptr<RecordReader> read_pcapng(ByteReader& reader);

}  // namespace nicsentry
