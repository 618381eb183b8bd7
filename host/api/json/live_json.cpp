// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/live_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "host/base/error.h"
#include "host/base/rfc3339.h"
#include "host/lockout/plain_address.h"
#include "host/report/columns.h"

namespace nicsentry {
namespace {

using json_fields::kNumber;
using json_fields::kText;
using nlohmann::ordered_json;

constexpr TimestampNs kSampleNs = 1'000'000'000;

void put_time(ordered_json& object, const std::string& name, TimestampNs time_ns) {
  object[name] = time_ns;
  object[time_name(name)] = rfc3339(time_ns);
}

void put_rate(ordered_json& object, const LiveRate& rate) {
  object["packets_per_second"] = rate.packets_per_second;
  object["bits_per_second"] = rate.bits_per_second;
}

LiveRate get_rate(Fields& fields) {
  return {fields.get<double>("packets_per_second", kNumber), fields.get<double>("bits_per_second", kNumber)};
}

std::uint64_t get_number(Fields& fields, const char* name) { return fields.get<std::uint64_t>(name, kNumber); }
std::string get_text(Fields& fields, const char* name) { return fields.get<std::string>(name, kText); }
TimestampNs get_time(Fields& fields, const char* name) { return static_cast<TimestampNs>(get_number(fields, name)); }

// The counts that sessions and groups of them have.
template <typename Row>
void put_counts(ordered_json& object, const Row& row) {
  const std::uint64_t packets = row.packets_server + row.packets_client;
  const std::uint64_t bytes = row.bytes_server + row.bytes_client;
  object["packets"] = packets;
  object["bytes"] = bytes;
  object["packets_server"] = row.packets_server;
  object["packets_client"] = row.packets_client;
  object["bytes_server"] = row.bytes_server;
  object["bytes_client"] = row.bytes_client;
  object["packets_in"] = packets - row.out.packets;
  object["bytes_in"] = bytes - row.out.bytes;
  object["packets_out"] = row.out.packets;
  object["bytes_out"] = row.out.bytes;
}

template <typename Row>
void get_row_counts(Fields& fields, Row& row) {
  row.packets_server = get_number(fields, "packets_server");
  row.packets_client = get_number(fields, "packets_client");
  row.bytes_server = get_number(fields, "bytes_server");
  row.bytes_client = get_number(fields, "bytes_client");
  row.out = {get_number(fields, "packets_out"), get_number(fields, "bytes_out")};
}

constexpr std::array kMethods = {std::pair{ServerMethod::handshake, "handshake"},
                                 std::pair{ServerMethod::port_below_1024, "port_below_1024"},
                                 std::pair{ServerMethod::lower_port, "lower_port"}};
constexpr std::array kListedProtocols = {Protocol::icmp, Protocol::tcp, Protocol::udp, Protocol::icmpv6};

ordered_json encode_session(const ListedSession& listed) {
  const SessionWindow& session = listed.session;
  ordered_json object{{"session", session.id},
                      {"client_ip", session.client.address.text()},
                      {"client_port", session.client.port},
                      {"server_ip", session.server.address.text()},
                      {"server_port", session.server.port},
                      {"ip_version", session.server.address.version},
                      {"protocol", protocol_name(session.protocol)}};
  for (const auto& [method, name] : kMethods) {
    if (method == session.server_method) {
      object["server_method"] = name;
    }
  }
  object["service"] = listed.service;
  put_counts(object, session);
  put_rate(object, listed.rate);
  put_time(object, "first_packet_ns", session.first_packet_ns);
  put_time(object, "last_packet_ns", session.last_packet_ns);
  object["last_packet_uncertainty_ns"] = session.last_packet_uncertainty_ns;
  object["duration_ns"] = session.last_packet_ns - session.first_packet_ns;
  object["vlan"] = session.vlans.text();
  object["dropped"] = session.dropped;
  object["interfaces"] = listed.interfaces;
  return object;
}

Endpoint decode_endpoint(Fields& fields, const std::string& end) {
  const auto address = parse_address(get_text(fields, (end + "_ip").c_str()));
  if (!address) {
    fields.fail((end + "_ip").c_str(), "an address");
  }
  return {*address, fields.get<std::uint16_t>((end + "_port").c_str(), "a port")};
}

Protocol decode_protocol(Fields& fields) {
  const std::string name = get_text(fields, "protocol");
  const auto* const found = std::find_if(kListedProtocols.begin(), kListedProtocols.end(),
                                         [&name](Protocol protocol) { return name == protocol_name(protocol); });
  if (found == kListedProtocols.end()) {
    fields.fail("protocol", "TCP, UDP, ICMP or ICMPv6");
  }
  return *found;
}

// "", "10", "10.20".
VlanIds decode_vlans(const std::string& text) {
  const auto id = [](const std::string& part) { return static_cast<std::uint16_t>(std::stoul("0" + part)); };
  const std::size_t dot = text.find('.');
  return {id(text.substr(0, dot)), dot == std::string::npos ? std::uint16_t{0} : id(text.substr(dot + 1))};
}

ListedSession decode_session(Fields fields) {
  ListedSession listed;
  SessionWindow& session = listed.session;
  session.id = get_number(fields, "session");
  session.client = decode_endpoint(fields, "client");
  session.server = decode_endpoint(fields, "server");
  session.protocol = decode_protocol(fields);
  const std::string method = get_text(fields, "server_method");
  for (const auto& [known, name] : kMethods) {
    session.server_method = method == name ? known : session.server_method;
  }
  listed.service = get_text(fields, "service");
  get_row_counts(fields, session);
  listed.rate = get_rate(fields);
  session.first_packet_ns = get_time(fields, "first_packet_ns");
  session.last_packet_ns = get_time(fields, "last_packet_ns");
  session.last_packet_uncertainty_ns = get_time(fields, "last_packet_uncertainty_ns");
  session.vlans = decode_vlans(get_text(fields, "vlan"));
  session.dropped = fields.get<bool>("dropped", json_fields::kBool);
  listed.interfaces = get_text(fields, "interfaces");
  return listed;
}

ordered_json encode_group(const std::string& by, const ListedGroup& listed) {
  ordered_json object{{"by", by},
                      {"name", listed.group.name},
                      {"service", listed.service},
                      {"sessions", listed.group.sessions},
                      {"sessions_dropped", listed.group.sessions_dropped}};
  put_counts(object, listed.group);
  put_rate(object, listed.rate);
  object["interfaces"] = listed.interfaces;
  return object;
}

ListedGroup decode_group(Fields fields) {
  ListedGroup listed;
  listed.group.name = get_text(fields, "name");
  listed.service = get_text(fields, "service");
  listed.group.sessions = get_number(fields, "sessions");
  listed.group.sessions_dropped = get_number(fields, "sessions_dropped");
  get_row_counts(fields, listed.group);
  listed.rate = get_rate(fields);
  listed.interfaces = get_text(fields, "interfaces");
  return listed;
}

ordered_json encode_attachment(const std::string& interface, const std::string& hook, const std::string& mode) {
  return {{"interface", interface}, {"hook", hook}, {"mode", mode}};
}

template <typename Attachment>
Attachment decode_attachment(Fields& fields) {
  Attachment attachment;
  attachment.interface = get_text(fields, "interface");
  attachment.hook = get_text(fields, "hook");
  attachment.mode = get_text(fields, "mode");
  return attachment;
}

constexpr std::size_t kSampleFields = 8;

ordered_json encode_sample(const TrafficSample& sample) {
  constexpr double kNsPerSecond = 1e9;
  constexpr double kMsPerSecond = 1e3;
  return {std::round(static_cast<double>(sample.time_ns) / kNsPerSecond * kMsPerSecond) / kMsPerSecond,
          sample.in.packets,
          sample.in.bytes,
          sample.dropped.packets,
          sample.dropped.bytes,
          sample.lost_events,
          sample.sessions_active,
          sample.sessions_new};
}

TrafficSample decode_sample(const nlohmann::json& sample) {
  if (!sample.is_array() || sample.size() < kSampleFields ||
      !std::all_of(sample.begin(), sample.end(), [](const auto& field) { return field.is_number(); })) {
    throw Error("samples: read " + sample.dump() + ", allowed is a list of " + std::to_string(kSampleFields) +
                " numbers");
  }
  constexpr double kNsPerSecond = 1e9;
  return {static_cast<TimestampNs>(sample[0].get<double>() * kNsPerSecond),
          {sample[1], sample[2]},
          {sample[3], sample[4]},
          sample[5],
          sample[6],
          sample[7]};
}

}  // namespace

ordered_json encode(const SessionsAnswer& answer) {
  ordered_json object;
  put_time(object, "time_ns", answer.time_ns);
  object["window"] = answer.window;
  put_time(object, "start_ns", answer.start_ns);
  object["elapsed_ns"] = answer.time_ns - answer.start_ns;
  object["attachments"] = ordered_json::array();
  for (const ListedAttachment& attachment : answer.attachments) {
    object["attachments"].push_back(encode_attachment(attachment.interface, attachment.hook, attachment.mode));
  }
  object["total"] = answer.total;
  object["offset"] = answer.offset;
  object["limit"] = answer.limit;
  object["sums"] = {{"sessions", answer.sums.sessions}, {"packets", answer.sums.packets}, {"bytes", answer.sums.bytes}};
  put_rate(object["sums"], answer.sums.rate);
  auto rows = ordered_json::array();
  if (answer.by.empty()) {
    for (const ListedSession& session : answer.sessions) {
      rows.push_back(encode_session(session));
    }
  }
  for (const ListedGroup& group : answer.groups) {
    rows.push_back(encode_group(answer.by, group));
  }
  object[answer.by.empty() ? "sessions" : "groups"] = std::move(rows);
  return object;
}

template <>
SessionsAnswer decode(const nlohmann::json& answer) {
  Fields fields(answer, Origin::answer);
  SessionsAnswer decoded;
  decoded.time_ns = get_time(fields, "time_ns");
  decoded.window = get_number(fields, "window");
  decoded.start_ns = get_time(fields, "start_ns");
  const nlohmann::json& attachments = fields.list("attachments");
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    Fields attachment = fields.element("attachments", attachments, i);
    decoded.attachments.push_back(decode_attachment<ListedAttachment>(attachment));
  }
  decoded.total = get_number(fields, "total");
  decoded.offset = get_number(fields, "offset");
  decoded.limit = get_number(fields, "limit");
  Fields sums = fields.object("sums");
  decoded.sums = {get_number(sums, "sessions"), get_number(sums, "packets"), get_number(sums, "bytes"), get_rate(sums)};
  if (fields.has("groups")) {
    const nlohmann::json& groups = fields.list("groups");
    for (std::size_t i = 0; i < groups.size(); ++i) {
      decoded.by = groups[i].value("by", "");
      decoded.groups.push_back(decode_group(fields.element("groups", groups, i)));
    }
    return decoded;
  }
  const nlohmann::json& sessions = fields.list("sessions");
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    decoded.sessions.push_back(decode_session(fields.element("sessions", sessions, i)));
  }
  return decoded;
}

ordered_json encode(const TrafficAnswer& answer) {
  ordered_json object;
  put_time(object, "time_ns", answer.time_ns);
  object["interval_ns"] = kSampleNs;
  object["attachments"] = ordered_json::array();
  for (const AttachmentTraffic& attachment : answer.attachments) {
    ordered_json one = encode_attachment(attachment.interface, attachment.hook, attachment.mode);
    one["direction"] = attachment.hook == "tc-egress" ? "egress" : "ingress";
    one["samples"] = ordered_json::array();
    for (const TrafficSample& sample : attachment.samples) {
      one["samples"].push_back(encode_sample(sample));
    }
    object["attachments"].push_back(std::move(one));
  }
  object["protocols"] = ordered_json::array();
  for (const TrafficAnswer::OfProtocol& sum : answer.protocols) {
    ordered_json one{{"protocol", sum.protocol}, {"packets", sum.packets}, {"bytes", sum.bytes}};
    put_rate(one, sum.rate);
    object["protocols"].push_back(std::move(one));
  }
  return object;
}

template <>
TrafficAnswer decode(const nlohmann::json& answer) {
  Fields fields(answer, Origin::answer);
  TrafficAnswer decoded;
  decoded.time_ns = get_time(fields, "time_ns");
  const nlohmann::json& attachments = fields.list("attachments");
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    Fields attachment = fields.element("attachments", attachments, i);
    decoded.attachments.push_back(decode_attachment<AttachmentTraffic>(attachment));
    for (const nlohmann::json& sample : attachment.list("samples")) {
      decoded.attachments.back().samples.push_back(decode_sample(sample));
    }
  }
  const nlohmann::json& protocols = fields.list("protocols");
  for (std::size_t i = 0; i < protocols.size(); ++i) {
    Fields sum = fields.element("protocols", protocols, i);
    decoded.protocols.push_back(
        {get_text(sum, "protocol"), get_number(sum, "packets"), get_number(sum, "bytes"), get_rate(sum)});
  }
  return decoded;
}

}  // namespace nicsentry
