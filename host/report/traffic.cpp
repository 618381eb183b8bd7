// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/traffic.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace nicsentry {
namespace {

void add_amount(Amount& sum, const Amount& amount) {
  sum.packets += amount.packets;
  sum.bytes += amount.bytes;
}

Amount of_server(const SessionWindow& session) { return {session.packets_server, session.bytes_server}; }
Amount of_client(const SessionWindow& session) { return {session.packets_client, session.bytes_client}; }

void add_row(HostSums& sum, const HostSums& row) {
  sum.hosts += row.hosts;
  sum.sessions_as_client += row.sessions_as_client;
  sum.sessions_as_server += row.sessions_as_server;
  add_amount(sum.sent, row.sent);
  add_amount(sum.received, row.received);
  sum.add(row);
}

void add_row(PortSums& sum, const PortSums& row) {
  sum.ports += row.ports;
  sum.sessions += row.sessions;
  add_amount(sum.from_server, row.from_server);
  add_amount(sum.from_client, row.from_client);
  sum.add(row);
}

// The rows of a map, whose keys are in order. `rest` is a row of nothing.
template <typename Map, typename Row>
std::vector<Row> most_first(Map& rows, std::size_t most, Row rest) {
  std::vector<Row> sorted;
  sorted.reserve(rows.size());
  for (auto& [key, row] : rows) {
    sorted.push_back(std::move(row));
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Row& left, const Row& right) { return left.packets() > right.packets(); });
  if (most == 0 || sorted.size() <= most + 1) {  // the rest would be one
    return sorted;
  }
  for (std::size_t index = most; index < sorted.size(); ++index) {
    add_row(rest, sorted[index]);
  }
  sorted.resize(most);
  sorted.push_back(std::move(rest));
  return sorted;
}

}  // namespace

std::vector<HostSums> host_traffic(const std::vector<const SessionWindow*>& sessions, std::size_t most) {
  std::map<std::pair<std::uint8_t, IpAddress>, HostSums> rows;
  const auto row_of = [&rows](const IpAddress& address) -> HostSums& {
    HostSums& row = rows[{address.version, address}];
    row.address = address;
    return row;
  };
  for (const SessionWindow* session : sessions) {
    HostSums& client = row_of(session->client.address);
    client.sessions_as_client += 1;
    add_amount(client.sent, of_client(*session));
    add_amount(client.received, of_server(*session));
    client.add(*session);
    HostSums& server = row_of(session->server.address);
    server.sessions_as_server += 1;
    if (&server != &client) {
      add_amount(server.sent, of_server(*session));
      add_amount(server.received, of_client(*session));
      server.add(*session);
    }
  }
  HostSums rest;
  rest.hosts = 0;
  return most_first(rows, most, rest);
}

std::vector<PortSums> port_traffic(const std::vector<const SessionWindow*>& sessions, std::size_t most) {
  std::map<std::pair<Protocol, std::uint16_t>, PortSums> rows;
  for (const SessionWindow* session : sessions) {
    PortSums& row = rows[{session->protocol, session->server.port}];
    row.protocol = session->protocol;
    row.port = session->server.port;
    row.sessions += 1;
    add_amount(row.from_server, of_server(*session));
    add_amount(row.from_client, of_client(*session));
    row.add(*session);
  }
  PortSums rest;
  rest.ports = 0;
  return most_first(rows, most, rest);
}

std::string interfaces_text(const std::vector<Accounting>& attachments, std::uint64_t places) {
  std::vector<std::string_view> names;
  for (const Accounting& attachment : attachments) {
    if ((places & attachment.place) != 0 && attachment.mode != "replay" &&
        std::find(names.begin(), names.end(), attachment.interface) == names.end()) {
      names.push_back(attachment.interface);
    }
  }
  std::string text;
  for (const std::string_view name : names) {
    text.append(text.empty() ? "" : "+").append(name);
  }
  return text;
}

double per_second(std::uint64_t amount, const WindowReport& window) {
  const auto length = static_cast<double>(window.end_ns - window.start_ns);
  constexpr double kNsPerSecond = 1e9;
  return length > 0 ? static_cast<double>(amount) * kNsPerSecond / length : 0;
}

}  // namespace nicsentry
