// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/programs/lint/translated.h"

namespace nicsentry::lint {

// NFP instructions of loads, stores and atomic additions.

unsigned packet_load_size(const Translated& at);
unsigned map_value_load_size(const Translated& at);
unsigned packet_store_size(const Translated& at);
unsigned atomic_add_size(const Translated& at);
unsigned copy_size(const Translated& at);

// A load from the stack or a store to it. `frame_depth`: bytes of the function's frame.
unsigned stack_access_size(const Translated& at, std::uint32_t frame_depth);

}  // namespace nicsentry::lint
