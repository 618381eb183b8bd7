// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/log_entry.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "host/base/number_text.h"
#include "host/base/rfc3339.h"

namespace nicsentry {
namespace {

const char* level_name(LogLevel level) {
  switch (level) {
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      break;
  }
  return "error";
}

// syslog(3)
const char* priority(LogLevel level) {
  switch (level) {
    case LogLevel::info:
      return "6";
    case LogLevel::warning:
      return "4";
    case LogLevel::error:
      break;
  }
  return "3";
}

// A value with line ends is preceded by its length: 8 bytes, the lowest first.
void add_field(std::string& datagram, const char* name, const std::string& value) {
  datagram += name;
  if (value.find('\n') == std::string::npos) {
    datagram += "=" + value + "\n";
    return;
  }
  datagram += '\n';
  std::uint64_t length = value.size();
  for (int i = 0; i < 8; ++i, length >>= 8U) {
    datagram += static_cast<char>(length & 0xffU);
  }
  datagram += value + "\n";
}

std::string text_of(const nlohmann::json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end()) {
    return "";
  }
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace

LogEntry message_entry(LogLevel level, std::string text, const std::set<std::string>& ports) {
  LogEntry entry;
  entry.level = level;
  const std::string first = text.substr(0, text.find(": "));
  const std::string port = first.substr(0, first.find('/'));
  if (first.size() != text.size() && ports.contains(port)) {
    entry.interface = port;
  }
  entry.text = std::move(text);
  return entry;
}

LogEntry packet_entry(const std::string& record) {
  LogEntry entry;
  entry.text = "log: " + record;
  entry.record = record;
  const nlohmann::json read = nlohmann::json::parse(record, nullptr, false);
  if (read.is_object()) {
    entry.interface = text_of(read, "interface");
    entry.rule = text_of(read, "rule");
    entry.address = text_of(read, "source");
  }
  return entry;
}

std::string json_line(const LogEntry& entry, TimestampNs time) {
  nlohmann::ordered_json line{{"time", rfc3339(time)}, {"level", level_name(entry.level)}};
  for (const auto& [name, value] :
       {std::pair("interface", entry.interface), std::pair("rule", entry.rule), std::pair("address", entry.address)}) {
    if (!value.empty()) {
      line[name] = value;
    }
  }
  if (const auto number = parse_number<std::uint64_t>(entry.rule)) {
    line["rule"] = *number;
  }
  const auto record =
      entry.record.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json::parse(entry.record, nullptr, false);
  if (record.is_object()) {
    line["message"] = "a rule logs a packet";
    line["packet"] = record;
  } else {
    line["message"] = entry.text;
  }
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string journal_datagram(const LogEntry& entry) {
  std::string datagram;
  add_field(datagram, "PRIORITY", priority(entry.level));
  add_field(datagram, "SYSLOG_IDENTIFIER", "nicsentry");
  for (const auto& [name, value] :
       {std::pair("NICSENTRY_INTERFACE", entry.interface), std::pair("NICSENTRY_RULE", entry.rule),
        std::pair("NICSENTRY_ADDRESS", entry.address)}) {
    if (!value.empty()) {
      add_field(datagram, name, value);
    }
  }
  add_field(datagram, "MESSAGE", entry.text);
  return datagram;
}

std::string plain_line(const LogEntry& entry) {
  return std::string("nicsentry: ") + level_name(entry.level) + ": " + entry.text + "\n";
}

bool names_stream(std::string_view journal_stream, std::uint64_t device, std::uint64_t inode) {
  const std::size_t colon = journal_stream.find(':');
  return colon != std::string_view::npos && parse_number<std::uint64_t>(journal_stream.substr(0, colon)) == device &&
         parse_number<std::uint64_t>(journal_stream.substr(colon + 1)) == inode;
}

}  // namespace nicsentry
