// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>

#include "host/api/server/command_socket.h"
#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/log.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

struct ExtractOptions {
  std::string interface;
  bool json = false;
};

int extract(const ExtractOptions& options) {
  set_up_log(false);
  const auto found = read_port_record(find_interface(options.interface));
  if (!found || !found->running) {
    throw Error("no controller watches " + options.interface + " (start one with: nicsentry run -i " +
                options.interface + ")");
  }
  const nlohmann::json answer = ask_controller(found->record.socket, "/extract", {});
  if (options.json) {
    std::printf("%s\n", answer.dump().c_str());
    return kExitSuccess;
  }
  std::printf("window %llu ended\n", answer.value("window", 0ULL));
  for (const auto& file : answer.value("files", nlohmann::json::array())) {
    std::printf("%s\n", file.get<std::string>().c_str());
  }
  return kExitSuccess;
}

}  // namespace

void add_extract_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ExtractOptions>();
  CLI::App* command = app.add_subcommand("extract", "end the running controller's window now and write it");
  command->add_option("-i,--interface", options->interface, "port that the controller watches")->required();
  command->add_flag("--json", options->json, "print the answer as JSON");
  command->footer("Example:\n  nicsentry extract -i eth0");
  command->callback([options, &chosen] { chosen = [options] { return extract(*options); }; });
}

}  // namespace nicsentry
