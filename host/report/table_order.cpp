// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/table_order.h"

#include <array>
#include <compare>
#include <string>
#include <tuple>

#include "host/base/error.h"

namespace nicsentry {
namespace {

enum class Rows : std::uint8_t { any, sessions, groups };

struct OrderWord {
  std::string_view word;
  TableOrder order;
  Rows rows = Rows::any;
};
constexpr std::array<OrderWord, 17> kOrderWords{{
    {"packets", TableOrder::packets},
    {"rate", TableOrder::packets},
    {"bytes", TableOrder::bytes},
    {"bits", TableOrder::bytes},
    {"to-server", TableOrder::to_server},
    {"to-client", TableOrder::to_client},
    {"bytes-to-server", TableOrder::bytes_to_server},
    {"bytes-to-client", TableOrder::bytes_to_client},
    {"in", TableOrder::in},
    {"out", TableOrder::out},
    {"dropped", TableOrder::dropped},
    {"duration", TableOrder::duration, Rows::sessions},
    {"client", TableOrder::client, Rows::sessions},
    {"server", TableOrder::server, Rows::sessions},
    {"proto", TableOrder::protocol, Rows::sessions},
    {"sessions", TableOrder::sessions, Rows::groups},
    {"name", TableOrder::name, Rows::groups},
}};

std::uint64_t packets_of(const SessionWindow& session) { return session.packets_server + session.packets_client; }
std::uint64_t packets_of(const SessionGroup& group) { return group.packets(); }
std::uint64_t dropped_of(const SessionWindow& session) { return session.dropped ? 1 : 0; }
std::uint64_t dropped_of(const SessionGroup& group) { return group.sessions_dropped; }

// The number in a column that sessions and groups have.
template <typename Row>
std::uint64_t number_of(const Row& row, TableOrder order) {
  switch (order) {
    case TableOrder::bytes:
      return row.bytes_server + row.bytes_client;
    case TableOrder::to_server:
      return row.packets_client;
    case TableOrder::to_client:
      return row.packets_server;
    case TableOrder::bytes_to_server:
      return row.bytes_client;
    case TableOrder::bytes_to_client:
      return row.bytes_server;
    case TableOrder::in:
      return packets_of(row) - row.out.packets;
    case TableOrder::out:
      return row.out.packets;
    case TableOrder::dropped:
      return dropped_of(row);
    default:
      return packets_of(row);
  }
}

auto address_order(const Endpoint& end) { return std::tuple(end.address.version, end.address, end.port); }

// Negative where the left one stands before.
std::strong_ordering compared(const SessionWindow& left, const SessionWindow& right, TableOrder order) {
  switch (order) {
    case TableOrder::client:
      return address_order(left.client) <=> address_order(right.client);
    case TableOrder::server:
      return address_order(left.server) <=> address_order(right.server);
    case TableOrder::protocol:
      return std::string_view(protocol_name(left.protocol)) <=> std::string_view(protocol_name(right.protocol));
    case TableOrder::duration:
      return right.last_packet_ns - right.first_packet_ns <=> left.last_packet_ns - left.first_packet_ns;
    default:
      return number_of(right, order) <=> number_of(left, order);
  }
}

std::strong_ordering compared(const SessionGroup& left, const SessionGroup& right, TableOrder order) {
  if (order == TableOrder::name) {
    return left.place <=> right.place;
  }
  if (order == TableOrder::sessions) {
    return right.sessions <=> left.sessions;
  }
  return number_of(right, order) <=> number_of(left, order);
}

}  // namespace

std::vector<std::string> table_order_words(bool grouped) {
  std::vector<std::string> words;
  for (const OrderWord& known : kOrderWords) {
    if (known.rows != (grouped ? Rows::sessions : Rows::groups)) {
      words.emplace_back(known.word);
    }
  }
  return words;
}

TableOrder parse_table_order(std::string_view word, bool grouped) {
  const Rows other = grouped ? Rows::sessions : Rows::groups;
  std::string allowed;
  for (const OrderWord& known : kOrderWords) {
    if (known.rows == other) {
      continue;
    }
    if (known.word == word) {
      return known.order;
    }
    allowed.append(allowed.empty() ? "" : ", ").append(known.word);
  }
  throw BadRequest("read '" + std::string(word) + "', allowed " + (grouped ? "with" : "without") + " --by are " +
                   allowed);
}

bool stands_before(const SessionWindow& left, const SessionWindow& right, TableOrder order) {
  const std::strong_ordering by_column = compared(left, right, order);
  return by_column != 0 ? by_column < 0
                        : std::tuple(packets_of(right), left.id) < std::tuple(packets_of(left), right.id);
}

bool stands_before(const SessionGroup& left, const SessionGroup& right, TableOrder order) {
  const std::strong_ordering by_column = compared(left, right, order);
  return by_column != 0 ? by_column < 0
                        : std::tuple(right.packets(), left.place) < std::tuple(left.packets(), right.place);
}

}  // namespace nicsentry
