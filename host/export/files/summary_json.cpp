// SPDX-License-Identifier: GPL-2.0-only
#include "host/export/files/summary_json.h"

#include <cstdint>
#include <variant>

#include "host/report/columns.h"

namespace nicsentry {
namespace {

template <typename Row>
nlohmann::ordered_json object_of(const Columns<Row>& columns, const Row& row) {
  nlohmann::ordered_json object;
  for (const auto& column : columns) {
    std::visit([&](const auto& value) { object[column.name] = value; }, column.value(row));
  }
  return object;
}

}  // namespace

nlohmann::ordered_json window_json(const WindowReport& report) {
  Amount in;
  auto planes = nlohmann::ordered_json::array();
  for (const PlaneBooks& plane : report.planes) {
    in.packets += plane.in().packets;
    in.bytes += plane.in().bytes;
    planes.push_back(object_of(plane_columns(), plane));
  }
  nlohmann::ordered_json object = object_of(window_columns(), report);
  object["sessions"] = report.sessions.size();
  object["packets_in"] = in.packets;
  object["bytes_in"] = in.bytes;
  object["planes"] = planes;
  return object;
}

}  // namespace nicsentry
