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

// The same of one table, `hosts` or `ports`, with OutputPlace::traffic_rows rows of a window and one for the rest.
std::unique_ptr<WindowWriter> make_hosts_writer(TidyFormat format, Profile profile, const OutputPlace& place);
std::unique_ptr<WindowWriter> make_ports_writer(TidyFormat format, Profile profile, const OutputPlace& place);

}  // namespace nicsentry
