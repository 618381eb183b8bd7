// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>

#include "host/export/files/writer.h"

namespace nicsentry {

enum class TidyFormat : std::uint8_t { csv, jsonl };

// Makes a writer of the tables of columns.h: `sessions`, `packets` (profiles with ddos) and `windows`. Each table is
// one growing file.
std::unique_ptr<WindowWriter> make_tidy_writer(TidyFormat format, Profile profile, const OutputPlace& place);

}  // namespace nicsentry
