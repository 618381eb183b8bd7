// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host/report/window_report.h"

namespace nicsentry {

// The formats of the earlier system (docs/formats.md, "The earlier system's formats"), session by session. A JSON file
// is seed_json_begin, items with seed_json_separator between them, seed_json_end.
constexpr std::string_view seed_json_begin = "[\n";
constexpr std::string_view seed_json_separator = ",\n";
constexpr std::string_view seed_json_end = "\n]";

// The header of results.csv and one row of it, each with its line end.
std::string seed_crypto_csv_header();
std::string seed_crypto_csv_row(const SessionWindow& session);
std::string seed_crypto_json_item(const SessionWindow& session);

std::string seed_ddos_json_item(const SessionWindow& session);
// A session's file for one window: its name and its seven lines.
std::string seed_ddos_csv_name(const SessionWindow& session, std::uint64_t window);
std::string seed_ddos_csv(const SessionWindow& session);

}  // namespace nicsentry
