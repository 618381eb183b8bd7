// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "host/base/timestamp.h"

namespace nicsentry {

enum class LogLevel : std::uint8_t { info, warning, error };

// A message to the user, with what it is about; empty: that is not known.
struct LogEntry {
  LogLevel level = LogLevel::info;
  std::string text;
  std::string interface;
  std::string rule;     // its number
  std::string address;  // the source of a packet
  std::string record;   // of a packet that a rule logs: a JSON object
};

// A message that begins with one of these ports, "eth0: " or "eth0/xdp: ", is about it.
LogEntry message_entry(LogLevel level, std::string text, const std::set<std::string>& ports);
// `record`: one line of JSON (enforce/firewall_log.h).
LogEntry packet_entry(const std::string& record);

// One line of JSON, with its line end.
std::string json_line(const LogEntry& entry, TimestampNs time);

// As journald takes it (its native protocol: a field a line, NAME=VALUE).
std::string journal_datagram(const LogEntry& entry);

// "nicsentry: info: TEXT" and a line end.
std::string plain_line(const LogEntry& entry);

// Whether JOURNAL_STREAM ("DEVICE:INODE", systemd.exec(5)) names this file.
bool names_stream(std::string_view journal_stream, std::uint64_t device, std::uint64_t inode);

}  // namespace nicsentry
