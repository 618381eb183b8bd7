// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/summary_json.h"

#include <cstdint>
#include <string>
#include <variant>

#include "host/base/rfc3339.h"
#include "host/report/columns.h"
#include "host/report/user_program_json.h"

namespace nicsentry {
namespace {

template <typename Field>
void put(nlohmann::ordered_json& object, const std::string& name, const Field& value) {
  object[name] = value;
}

void put(nlohmann::ordered_json& object, const std::string& name, const PointInTime& value) {
  object[name] = value.ns;
  object[time_name(name)] = rfc3339(value.ns);
}

template <typename Row>
nlohmann::ordered_json object_of(const Columns<Row>& columns, const Row& row) {
  nlohmann::ordered_json object;
  for (const auto& column : columns) {
    std::visit([&](const auto& value) { put(object, column.name, value); }, column.value(row));
  }
  return object;
}

nlohmann::ordered_json outage_json(const Outage& outage) {
  nlohmann::ordered_json object{
      {"interface", outage.interface}, {"hook", outage.hook}, {"mode", outage.mode}, {"reason", outage.reason}};
  put(object, "since_ns", PointInTime{outage.since_ns});
  if (outage.until_ns) {
    put(object, "until_ns", PointInTime{*outage.until_ns});
  } else {
    object["until_ns"] = object["until_time"] = nullptr;
  }
  return object;
}

}  // namespace

nlohmann::ordered_json window_json(const WindowReport& report) {
  Amount in;
  auto attachments = nlohmann::ordered_json::array();
  for (const Accounting& attachment : report.attachments) {
    in.packets += attachment.in().packets;
    in.bytes += attachment.in().bytes;
    attachments.push_back(object_of(attachment_columns(), attachment));
  }
  nlohmann::ordered_json object = object_of(window_columns(), report);
  object["sessions"] = report.sessions.size() + report.sessions_hidden;
  object["packets_in"] = in.packets;
  object["bytes_in"] = in.bytes;
  object["planes"] = attachments;
  object["outages"] = nlohmann::ordered_json::array();
  for (const Outage& outage : report.outages) {
    object["outages"].push_back(outage_json(outage));
  }
  object["user_programs"] = nlohmann::ordered_json::array();
  for (const UserProgram& program : report.user_programs) {
    object["user_programs"].push_back(user_program_json(program));
  }
  return object;
}

}  // namespace nicsentry
