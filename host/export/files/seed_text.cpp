// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/seed_text.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <vector>

#include "host/export/files/python_float.h"

namespace nicsentry {
namespace {

using Texts = std::vector<std::string>;

constexpr std::int64_t ns_per_second = 1'000'000'000;

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", text); }

// Formats a list like Python's json.dump(..., indent=2), with its closing bracket `depth` levels deep.
std::string json_list(const Texts& items, std::size_t depth) {
  if (items.empty()) return "[]";
  const std::string inner((depth + 1) * 2, ' ');
  const std::string outer(depth * 2, ' ');
  return fmt::format("[\n{}{}\n{}]", inner, fmt::join(items, ",\n" + inner), outer);
}

// Formats an item of the file's list: {"id": [...], NAME: [...]}.
std::string json_item(const Texts& id, std::string_view name, const Texts& values) {
  return fmt::format("  {{\n    \"id\": {},\n    \"{}\": {}\n  }}", json_list(id, 2), name, json_list(values, 2));
}

// Returns the crypto columns from Packets_server on. A quotient by 0 is printed as `by_zero`.
Texts metrics(const SessionWindow& session, std::string_view by_zero) {
  const auto per = [by_zero](std::uint64_t dividend, std::uint64_t divisor) {
    return divisor == 0 ? std::string(by_zero) : python_float(python_quotient(dividend, divisor));
  };
  const std::int64_t duration_ns = session.last_packet_ns - session.first_packet_ns;
  const double seconds = python_seconds(duration_ns);
  const auto per_second = [by_zero, seconds](std::uint64_t dividend) {
    return seconds == 0 ? std::string(by_zero) : python_float(static_cast<double>(dividend) / seconds);
  };
  const std::uint64_t bits_server = session.bytes_server * 8;
  const std::uint64_t bits_client = session.bytes_client * 8;
  return {
      fmt::to_string(session.packets_server),
      fmt::to_string(session.packets_client),
      fmt::to_string(bits_server),
      fmt::to_string(bits_client),
      fmt::to_string(duration_ns),
      per_second(session.packets_server),
      per_second(session.packets_client),
      per_second(bits_server),
      per_second(bits_client),
      per(bits_server, session.packets_server),
      per(bits_client, session.packets_client),
      per(session.packets_server, session.packets_client),
      per(bits_server, bits_client),
  };
}

Texts concatenation(Texts first, const Texts& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Rounds down, as Python's // and % do.
std::int64_t whole_seconds(TimestampNs timestamp_ns) {
  return timestamp_ns / ns_per_second - (timestamp_ns % ns_per_second < 0 ? 1 : 0);
}

std::int64_t ns_of_second(TimestampNs timestamp_ns) {
  const std::int64_t rest = timestamp_ns % ns_per_second;
  return rest < 0 ? rest + ns_per_second : rest;
}

struct CsvLine {
  std::string_view label;  // 12 characters
  std::string (*value)(const PacketFeatures&);
};

constexpr std::array<CsvLine, 7> ddos_csv_lines{{
    {"Seconds     ", [](const PacketFeatures& packet) { return fmt::to_string(whole_seconds(packet.timestamp_ns)); }},
    {"Ns          ",
     [](const PacketFeatures& packet) { return fmt::format("{:09}", ns_of_second(packet.timestamp_ns)); }},
    {"IPv4 flags  ", [](const PacketFeatures& packet) { return fmt::to_string(packet.ip_flags_fragment); }},
    {"TCP flags   ", [](const PacketFeatures& packet) { return fmt::to_string(int{packet.tcp_flags}); }},
    {"TCP Win     ", [](const PacketFeatures& packet) { return fmt::to_string(packet.tcp_window); }},
    {"UDP len     ", [](const PacketFeatures& packet) { return fmt::to_string(packet.udp_payload_bytes); }},
    {"ICMP type   ", [](const PacketFeatures& packet) { return fmt::to_string(int{packet.icmp_type}); }},
}};

}  // namespace

std::string seed_crypto_csv_header() {
  return "Timestamp (Unix ns), IP Client, IP Server, Port Client, Port Server, Protocol, Server Method, "
         "Packets_server, Packets_client, Bits_ server, Bits_ client, Duration (ns), Packets_server / Seconds, "
         "Packets_client / Seconds, Bits_server / Seconds, Bits_client / Seconds, Bits_server / Packets_server, "
         "Bits_client / Packets_client, Packets_server / Packets_client, Bits_server / Bits_client\n";
}

std::string seed_crypto_csv_row(const SessionWindow& session) {
  const Texts start{
      fmt::to_string(session.last_packet_ns),
      session.client.address.text(),
      session.server.address.text(),
      fmt::to_string(session.client.port),
      fmt::to_string(session.server.port),
      protocol_name(session.protocol),
      fmt::to_string(static_cast<int>(session.server_method)),
  };
  return fmt::format("{}\n", fmt::join(concatenation(start, metrics(session, "-")), ", "));
}

std::string seed_crypto_json_item(const SessionWindow& session) {
  const Texts id{in_quotes(session.client.address.text()), in_quotes(session.server.address.text()),
                 fmt::to_string(session.client.port), fmt::to_string(session.server.port),
                 in_quotes(protocol_name(session.protocol))};
  const Texts start{fmt::to_string(session.last_packet_ns), fmt::to_string(static_cast<int>(session.server_method))};
  return json_item(id, "value", concatenation(start, metrics(session, in_quotes("-"))));
}

std::string seed_ddos_json_item(const SessionWindow& session) {
  const Texts id{in_quotes(session.client.address.text()), fmt::to_string(session.client.port),
                 in_quotes(session.server.address.text()), fmt::to_string(session.server.port),
                 in_quotes(protocol_name(session.protocol))};
  Texts packets;
  packets.reserve(session.packets.size());
  for (const PacketFeatures& packet : session.packets) {
    const Texts fields{
        python_float(python_seconds(packet.timestamp_ns)),
        fmt::to_string(packet.ip_flags_fragment),
        fmt::to_string(int{packet.tcp_flags}),
        fmt::to_string(packet.tcp_window),
        fmt::to_string(packet.udp_payload_bytes),
        fmt::to_string(int{packet.icmp_type}),
    };
    packets.push_back(json_list(fields, 3));
  }
  return json_item(id, "packets", packets);
}

std::string seed_ddos_csv_name(const SessionWindow& session, std::uint64_t window) {
  return fmt::format("{}-{}___{}-{}___{}-iter{}.csv", session.client.address.text(), session.client.port,
                     session.server.address.text(), session.server.port, protocol_name(session.protocol), window);
}

std::string seed_ddos_csv(const SessionWindow& session) {
  Texts lines;
  for (const CsvLine& line : ddos_csv_lines) {
    Texts values;
    values.reserve(session.packets.size());
    for (const PacketFeatures& packet : session.packets) values.push_back(line.value(packet));
    lines.push_back(fmt::format("{},\t{}", line.label, fmt::join(values, ", ")));
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace nicsentry
