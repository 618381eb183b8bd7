// SPDX-License-Identifier: GPL-2.0-or-later
// Writes pseudo-random windows with the real writers and describes them on stdout. Tests compare the files with those
// that Python makes from the description.
//   output_dump windows FIRST COUNT DIRECTORY   one line of JSON for each seed; files in DIRECTORY/SEED/FORMAT/
//   output_dump floats SEED COUNT               lines "float HEX TEXT", "quotient A B TEXT", "seconds NS TEXT"
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "host/export/files/python_float.h"
#include "host/export/files/summary_json.h"
#include "host/export/files/writer.h"

namespace nicsentry {
namespace {

constexpr std::size_t traffic_rows = 3;                      // of a window in hosts and ports
constexpr std::uint64_t max_bytes = std::uint64_t{1} << 60;  // so that their bits fit into 64 bits

// Unlike std::uniform_int_distribution, it gives the same numbers with every library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  // Every order of magnitude is equally likely; one in eight is 0.
  std::uint64_t any_size(std::uint64_t limit) { return one_in(8) ? 0 : (bits() >> below(64)) % limit; }

  template <typename Field>
  Field field() {
    return static_cast<Field>(any_size(std::numeric_limits<Field>::max()) + below(2));
  }

  template <typename Choice>
  Choice of(std::initializer_list<Choice> choices) {
    return choices.begin()[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

IpAddress random_address(Random& random, std::uint8_t version) {
  IpAddress address;
  address.version = version;
  if (random.one_in(2)) {  // one of a few, so that sessions have some in common
    address.bytes[0] = 10;
    address.bytes[3] = static_cast<std::uint8_t>(random.below(3));
    return address;
  }
  for (std::size_t index = 0; index < (version == 4 ? 4U : 16U); ++index) {
    address.bytes.at(index) = static_cast<std::uint8_t>(random.one_in(3) ? 0 : random.below(256));
  }
  // ::a.b.c.d and ::ffff:a.b.c.d have several texts.
  if (version == 6) address.bytes[0] = static_cast<std::uint8_t>(1 + random.below(255));
  return address;
}

Protocol random_protocol(Random& random, std::uint8_t version) {
  return random.of({Protocol::tcp, Protocol::udp, version == 4 ? Protocol::icmp : Protocol::icmpv6});
}

PacketFeatures random_packet(Random& random, TimestampNs timestamp_ns) {
  PacketFeatures packet;
  packet.timestamp_ns = timestamp_ns;
  packet.direction = random.of({Direction::from_lower, Direction::from_higher});
  packet.bytes = random.field<std::uint32_t>();
  packet.ip_flags_fragment = random.field<std::uint16_t>();
  packet.tcp_window = random.field<std::uint16_t>();
  packet.udp_payload_bytes = random.field<std::uint16_t>();
  packet.tcp_flags = random.field<std::uint8_t>();
  packet.icmp_type = random.field<std::uint8_t>();
  return packet;
}

SessionWindow random_session(Random& random, std::uint64_t id) {
  const std::uint8_t version = random.one_in(3) ? 6 : 4;
  SessionWindow session;
  session.id = id;
  session.protocol = random_protocol(random, version);
  const bool ports = session.protocol == Protocol::tcp || session.protocol == Protocol::udp;
  session.client = {random_address(random, version), ports ? random.field<std::uint16_t>() : std::uint16_t{0}};
  session.server = {random_address(random, version), ports ? random.field<std::uint16_t>() : std::uint16_t{0}};
  session.server_method = random.of({ServerMethod::handshake, ServerMethod::port_below_1024, ServerMethod::lower_port});
  session.server_direction = random.of({Direction::from_lower, Direction::from_higher});
  session.packets_server = random.any_size(std::numeric_limits<std::uint64_t>::max());
  session.packets_client = random.any_size(std::numeric_limits<std::uint64_t>::max());
  session.bytes_server = random.any_size(max_bytes);
  session.bytes_client = random.any_size(max_bytes);
  session.out = {random.below(session.packets_server / 2 + 1), random.below(session.bytes_server / 2 + 1)};
  session.places = random.below(4);
  session.first_packet_ns = static_cast<TimestampNs>(random.any_size(std::uint64_t{1} << 61));
  session.last_packet_ns = session.first_packet_ns + static_cast<TimestampNs>(random.any_size(std::uint64_t{1} << 61));
  session.last_packet_uncertainty_ns = random.one_in(2) ? 0 : static_cast<std::int64_t>(random.below(1'000'000'000));
  session.dropped = random.one_in(2);
  const std::uint64_t packets = random.one_in(10) ? 0 : 1 + random.below(random.one_in(4) ? 100 : 5);
  TimestampNs timestamp_ns = session.first_packet_ns;
  for (std::uint64_t packet = 0; packet < packets; ++packet) {
    session.packets.push_back(random_packet(random, timestamp_ns));
    timestamp_ns += static_cast<TimestampNs>(random.any_size(10'000'000'000));
  }
  return session;
}

Amount random_amount(Random& random) { return {random.any_size(1'000'000'000'000), random.any_size(max_bytes >> 4)}; }

Accounting random_attachment(Random& random) {
  Accounting attachment;
  attachment.interface =
      random.of<std::string>({"veth0", "enp3s0np1", "a, b.pcap", "\"quoted\"", "two\nlines\r", "\u00e4\u20ac.pcap"});
  attachment.hook = random.of<std::string>({"xdp", "tc-ingress", "tc-egress"});
  attachment.mode = random.of<std::string>({"hw", "drv", "skb", "tc", "replay"});
  attachment.on_sessions = random_amount(random);
  attachment.unknown = random_amount(random);
  for (Amount& amount : attachment.not_understood) amount = random_amount(random);
  attachment.unknown_events_sent = random.below(attachment.unknown.packets + 1);
  attachment.unknown_events_arrived = random.below(attachment.unknown_events_sent + 1);
  attachment.known_events_sent = random.below(attachment.on_sessions.packets + 1);
  attachment.known_events_arrived = random.below(attachment.known_events_sent + 1);
  attachment.dropped = {random.any_size(65536), random.any_size(65536)};
  attachment.unjudged = {random.any_size(65536), random.any_size(65536)};
  attachment.copies = {random.below(1000), random.below(100000)};
  attachment.learned = {random.below(attachment.unknown_events_arrived + 1),
                        random.below(attachment.unknown.bytes + 1)};
  attachment.sessions_active = random.any_size(65536);
  attachment.sessions_new = random.any_size(65536);
  attachment.sessions_refused = random.any_size(65536);
  return attachment;
}

std::vector<WindowReport> random_windows(Random& random) {
  std::vector<WindowReport> windows;
  std::uint64_t id = 0;
  std::uint64_t number = random.below(3);
  for (std::uint64_t count = 1 + random.below(4); count > 0; --count, number += 1 + random.below(2)) {
    WindowReport& window = windows.emplace_back();
    window.number = number;
    window.start_ns = static_cast<TimestampNs>(random.any_size(std::uint64_t{1} << 62));
    window.end_ns = window.start_ns + 10'000'000'000;
    for (std::uint64_t sessions = random.one_in(5) ? 0 : random.below(8); sessions > 0; --sessions) {
      window.sessions.push_back(random_session(random, id++));
    }
    for (std::uint64_t attachments = random.below(3); attachments > 0; --attachments) {
      window.attachments.push_back(random_attachment(random));
      window.attachments.back().place = attachments;
    }
  }
  return windows;
}

nlohmann::json address_bytes(const IpAddress& address) {
  std::string hex;
  for (std::size_t index = 0; index < (address.version == 4 ? 4U : 16U); ++index) {
    hex += fmt::format("{:02x}", address.bytes.at(index));
  }
  return hex;
}

nlohmann::json description(const Amount& amount) { return {amount.packets, amount.bytes}; }

nlohmann::json description(const PacketFeatures& packet) {
  return {{"timestamp_ns", packet.timestamp_ns},
          {"from_higher", packet.direction == Direction::from_higher},
          {"bytes", packet.bytes},
          {"ip_flags_fragment", packet.ip_flags_fragment},
          {"tcp_flags", packet.tcp_flags},
          {"tcp_window", packet.tcp_window},
          {"udp_payload_bytes", packet.udp_payload_bytes},
          {"icmp_type", packet.icmp_type}};
}

nlohmann::json description(const SessionWindow& session) {
  auto packets = nlohmann::json::array();
  for (const PacketFeatures& packet : session.packets) packets.push_back(description(packet));
  return {{"session", session.id},
          {"client_address", address_bytes(session.client.address)},
          {"client_port", session.client.port},
          {"server_address", address_bytes(session.server.address)},
          {"server_port", session.server.port},
          {"protocol_number", static_cast<int>(session.protocol)},
          {"server_method_number", static_cast<int>(session.server_method)},
          {"server_is_higher", session.server_direction == Direction::from_higher},
          {"packets_server", session.packets_server},
          {"packets_client", session.packets_client},
          {"bytes_server", session.bytes_server},
          {"bytes_client", session.bytes_client},
          {"out", description(session.out)},
          {"places", session.places},
          {"first_packet_ns", session.first_packet_ns},
          {"last_packet_ns", session.last_packet_ns},
          {"last_packet_uncertainty_ns", session.last_packet_uncertainty_ns},
          {"dropped", session.dropped},
          {"packets", packets}};
}

nlohmann::json description(const Accounting& attachment) {
  auto causes = nlohmann::json::array();
  for (const not_understood cause : kCauses) causes.push_back(description(attachment.not_understood.at(cause)));
  return {{"interface", attachment.interface},
          {"hook", attachment.hook},
          {"mode", attachment.mode},
          {"place", attachment.place},
          {"on_sessions", description(attachment.on_sessions)},
          {"unknown", description(attachment.unknown)},
          {"not_understood", causes},
          {"dropped", description(attachment.dropped)},
          {"unjudged", description(attachment.unjudged)},
          {"learned", description(attachment.learned)},
          {"copies", description(attachment.copies)},
          {"unknown_events_sent", attachment.unknown_events_sent},
          {"unknown_events_arrived", attachment.unknown_events_arrived},
          {"known_events_sent", attachment.known_events_sent},
          {"known_events_arrived", attachment.known_events_arrived},
          {"sessions_active", attachment.sessions_active},
          {"sessions_new", attachment.sessions_new},
          {"sessions_refused", attachment.sessions_refused}};
}

nlohmann::json description(const WindowReport& window) {
  auto sessions = nlohmann::json::array();
  for (const SessionWindow& session : window.sessions) sessions.push_back(description(session));
  auto attachments = nlohmann::json::array();
  for (const Accounting& attachment : window.attachments) attachments.push_back(description(attachment));
  return {{"window", window.number}, {"start_ns", window.start_ns}, {"end_ns", window.end_ns},
          {"sessions", sessions},    {"planes", attachments},       {"summary", window_json(window)}};
}

// Returns the files that the writers reported, relative to `directory`.
nlohmann::json write_all(const std::vector<WindowReport>& windows, Profile profile,
                         const std::filesystem::path& directory) {
  auto written = nlohmann::json::array();
  for (const char* name : {"seed-json", "seed-csv", "csv", "jsonl", "hosts", "ports", "hosts-jsonl", "ports-jsonl"}) {
    OutputPlace place(directory / name);
    place.traffic_rows = traffic_rows;
    const auto writer = make_writer(parse_format(name), profile, place);
    for (const WindowReport& window : windows) {
      for (const auto& path : writer->write(window)) written.push_back(path.lexically_relative(directory).string());
    }
  }
  return written;
}

void dump_windows(std::uint64_t first, std::uint64_t count, const std::filesystem::path& directory) {
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Random random(seed);
    const auto profile = random.of({Profile::ddos, Profile::crypto, Profile::all});
    const std::vector<WindowReport> windows = random_windows(random);
    auto descriptions = nlohmann::json::array();
    for (const WindowReport& window : windows) descriptions.push_back(description(window));
    const nlohmann::json written = write_all(windows, profile, directory / std::to_string(seed));
    const nlohmann::json line{
        {"seed", seed}, {"profile", profile_name(profile)}, {"windows", descriptions}, {"written", written}};
    std::cout << line << '\n';
  }
}

void print_float(double value) {
  std::cout << fmt::format("float {:016x} {}\n", std::bit_cast<std::uint64_t>(value), python_float(value));
}

void dump_floats(std::uint64_t seed, std::uint64_t count) {
  Random random(seed);
  using Limits = std::numeric_limits<double>;
  for (const double value :
       {0.0, -0.0, Limits::denorm_min(), Limits::max(), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
    print_float(value);
  }
  for (int exponent = -1074; exponent <= 1023; ++exponent) print_float(std::ldexp(1.0, exponent));
  for (int digits = -30; digits <= 30; ++digits) {
    print_float(std::pow(10.0, digits));
    print_float(std::nextafter(std::pow(10.0, digits), 0.0));
  }
  for (std::uint64_t index = 0; index < count; ++index) {
    print_float(std::bit_cast<double>(random.bits()));
    const std::uint64_t dividend = random.any_size(std::numeric_limits<std::uint64_t>::max());
    const std::uint64_t divisor = 1 + random.any_size(std::numeric_limits<std::uint64_t>::max());
    std::cout << fmt::format("quotient {} {} {}\n", dividend, divisor,
                             python_float(python_quotient(dividend, divisor)));
    const auto nanoseconds = static_cast<std::int64_t>(random.bits() >> random.below(64));
    std::cout << fmt::format("seconds {} {}\n", nanoseconds, python_float(python_seconds(nanoseconds)));
  }
}

int run(std::span<const char* const> arguments) {
  const std::string command = arguments.size() > 1 ? arguments[1] : "";
  if (command == "windows" && arguments.size() == 5) {
    dump_windows(std::stoull(arguments[2]), std::stoull(arguments[3]), arguments[4]);
  } else if (command == "floats" && arguments.size() == 4) {
    dump_floats(std::stoull(arguments[2]), std::stoull(arguments[3]));
  } else {
    std::cerr << "usage: output_dump windows FIRST COUNT DIRECTORY | output_dump floats SEED COUNT\n";
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace nicsentry

int main(int argc, char** argv) {
  try {
    return nicsentry::run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& error) {
    std::cerr << "output_dump: " << error.what() << '\n';
    return 1;
  }
}
