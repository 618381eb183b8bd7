// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <cstdio>
#include <memory>

#include "host/api/client/controller.h"
#include "host/base/text_table.h"
#include "host/cli/commands.h"
#include "host/cli/controller_option.h"
#include "host/cli/log.h"

namespace nicsentry {
namespace {

struct ConnectionsOptions {
  std::string interface;
  bool json = false;
};

std::string endpoint_text(const std::string& address, std::uint16_t port) {
  return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + std::to_string(port);
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  return text.data();
}

// In as many digits as JSON has.
std::string number_text(double number) { return nlohmann::json(number).dump(); }

std::string table_of(const std::vector<ListedConnection>& connections) {
  TextTable table({{"PROTO"}, {"SOURCE"}, {"DESTINATION"}, {"STATE"}, {"IDLE", true}});
  for (const ListedConnection& connection : connections) {
    table.add({connection.protocol + (connection.vlan.empty() ? "" : " vlan " + connection.vlan),
               endpoint_text(connection.source, connection.source_port),
               endpoint_text(connection.destination, connection.destination_port), connection.state,
               seconds_text(connection.age_s)});
  }
  return table.text();
}

int show(const ConnectionsOptions& options) {
  set_up_log(false);
  const ConnectionsAnswer answer = Controller::of_port(options.interface).connections();
  if (options.json) {
    std::printf("%s\n", printed_json(encode(answer), 2).c_str());
    return kExitSuccess;
  }
  if (!answer.connections.empty()) {
    std::fputs(table_of(answer.connections).c_str(), stdout);
  }
  std::printf("%zu connection%s\n", answer.connections.size(), answer.connections.size() == 1 ? "" : "s");
  const StateLatencyAnswer& latency = answer.state_latency;
  if (latency.count != 0) {
    std::printf("time until states were in force: p50 %s us, p99 %s us, at most %s us (%llu states)\n",
                number_text(latency.p50_us).c_str(), number_text(latency.p99_us).c_str(),
                number_text(latency.max_us).c_str(), static_cast<unsigned long long>(latency.count));
  }
  return kExitSuccess;
}

}  // namespace

void add_connections_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ConnectionsOptions>();
  CLI::App* command = app.add_subcommand("connections", "the connections that the firewall tracks, and their states");
  add_controller_option(*command, options->interface);
  command->add_flag("--json", options->json, "print JSON");
  command->footer("Example:\n  nicsentry connections -i eth0");
  command->callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

}  // namespace nicsentry
