// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <cstdio>
#include <memory>

#include "host/api/client/controller_call.h"
#include "host/cli/commands.h"
#include "host/cli/json_text.h"
#include "host/cli/log.h"
#include "host/cli/text_table.h"

namespace nicsentry {
namespace {

using nlohmann::json;

struct ConnectionsOptions {
  std::string interface;
  bool json = false;
};

std::string endpoint_text(const json& connection, const std::string& end) {
  std::string address = member_text(connection, end);
  const std::string port = member_text(connection, end + "_port");
  if (port == "-") {
    return address;
  }
  return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + port;
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  return text.data();
}

std::string table_of(const json& connections) {
  TextTable table({{"PROTO"}, {"SOURCE"}, {"DESTINATION"}, {"STATE"}, {"IDLE", true}});
  for (const json& connection : connections) {
    table.add({member_text(connection, "protocol"), endpoint_text(connection, "source"),
               endpoint_text(connection, "destination"), member_text(connection, "state"),
               seconds_text(connection.value("age_s", 0.0))});
  }
  return table.text();
}

int show(const ConnectionsOptions& options) {
  set_up_log(false);
  const json answer = call_controller(options.interface, "/firewall/connections", json::object());
  if (options.json) {
    std::printf("%s\n", answer.dump(2).c_str());
    return kExitSuccess;
  }
  const json connections = answer.value("connections", json::array());
  if (!connections.empty()) {
    std::fputs(table_of(connections).c_str(), stdout);
  }
  std::printf("%zu connection%s\n", connections.size(), connections.size() == 1 ? "" : "s");
  const json latency = answer.value("state_latency", json::object());
  if (latency.value("count", 0ULL) != 0) {
    std::printf("from a packet to the state it brings in force: p50 %s us, p99 %s us, at most %s us (%s states)\n",
                member_text(latency, "p50_us").c_str(), member_text(latency, "p99_us").c_str(),
                member_text(latency, "max_us").c_str(), member_text(latency, "count").c_str());
  }
  return kExitSuccess;
}

}  // namespace

void add_connections_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ConnectionsOptions>();
  CLI::App* command = app.add_subcommand("connections", "what the firewall takes for connections, and their states");
  add_controller_option(*command, options->interface);
  command->add_flag("--json", options->json, "print JSON");
  command->footer("Example:\n  nicsentry connections -i eth0");
  command->callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

}  // namespace nicsentry
