// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/answers.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace nicsentry::top {
namespace {

// In such a column the first text comes first.
bool is_text(std::string_view sort) {
  constexpr std::array<std::string_view, 4> kTexts{"client", "server", "proto", "name"};
  return std::find(kTexts.begin(), kTexts.end(), sort) != kTexts.end();
}

std::string end_text(const Endpoint& end, Protocol protocol) {
  std::string address = end.address.text();
  if (protocol != Protocol::tcp && protocol != Protocol::udp) {
    return address;
  }
  return (end.address.version == 6 ? "[" + address + "]" : address) + ":" + std::to_string(end.port);
}

template <typename Sums>
Row row_of(const Sums& sums, const LiveRate& rate) {
  Row row;
  row.packets = sums.packets_server + sums.packets_client;
  row.bytes = sums.bytes_server + sums.bytes_client;
  row.packets_server = sums.packets_server;
  row.packets_client = sums.packets_client;
  row.packets_per_second = rate.packets_per_second;
  row.bits_per_second = rate.bits_per_second;
  return row;
}

Row row_of(const ListedSession& listed) {
  const SessionWindow& session = listed.session;
  Row row = row_of(session, listed.rate);
  row.source = session.client.address.text();
  row.client = end_text(session.client, session.protocol);
  row.server = end_text(session.server, session.protocol);
  const std::string vlans = session.vlans.text();
  row.protocol = protocol_name(session.protocol) + (vlans.empty() ? "" : " vlan " + vlans);
  row.service = listed.service;
  row.interfaces = listed.interfaces;
  row.dropped = session.dropped;
  return row;
}

Row row_of(const ListedGroup& listed, bool of_sources) {
  Row row = row_of(listed.group, listed.rate);
  row.client = listed.group.name;
  row.source = of_sources ? listed.group.name : "";
  row.service = listed.service;
  row.interfaces = listed.interfaces;
  row.sessions = listed.group.sessions;
  row.dropped = listed.group.sessions_dropped != 0;
  return row;
}

}  // namespace

SessionsQuery query_of(const Question& question) {
  SessionsQuery query;
  query.filter = question.filter;
  query.by = question.by;
  query.sort = question.sort;
  if (question.reversed) {
    query.descending = is_text(question.sort);
  }
  query.limit = question.limit;
  return query;
}

Table table_of(const SessionsAnswer& answer) {
  Table table;
  table.time_ns = answer.time_ns;
  table.window = answer.window;
  table.elapsed = std::chrono::nanoseconds(answer.time_ns - answer.start_ns);
  table.total = answer.total;
  table.rows.reserve(answer.sessions.size() + answer.groups.size());
  for (const ListedSession& session : answer.sessions) {
    table.rows.push_back(row_of(session));
  }
  // "src", "src/24": addresses and prefixes, which can be blocked.
  const bool of_sources = answer.by.rfind("src", 0) == 0;
  for (const ListedGroup& group : answer.groups) {
    table.rows.push_back(row_of(group, of_sources));
  }
  return table;
}

std::vector<Attachment> attachments_of(const TrafficAnswer& answer) {
  std::vector<Attachment> attachments;
  for (const AttachmentTraffic& traffic : answer.attachments) {
    Attachment attachment{traffic.interface, traffic.hook, traffic.mode, {}};
    for (const TrafficSample& sample : traffic.samples) {
      attachment.seconds.push_back({static_cast<double>(sample.in.packets), static_cast<double>(sample.in.bytes),
                                    static_cast<double>(sample.dropped.packets),
                                    static_cast<double>(sample.dropped.bytes), sample.lost_events});
    }
    attachments.push_back(std::move(attachment));
  }
  return attachments;
}

}  // namespace nicsentry::top
