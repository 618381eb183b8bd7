// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>

#include "host/api/client/controller.h"
#include "host/cli/commands.h"
#include "host/cli/log.h"

namespace nicsentry {
namespace {

struct ExtractOptions {
  std::string interface;
  bool json = false;
};

int extract(const ExtractOptions& options) {
  set_up_log(false);
  const EndedWindow ended = Controller::of_port(options.interface).end_window();
  if (options.json) {
    std::printf("%s\n", printed_json(encode(ended)).c_str());
    return kExitSuccess;
  }
  std::printf("window %llu ended\n", static_cast<unsigned long long>(ended.window));
  for (const std::string& file : ended.files) {
    std::printf("%s\n", file.c_str());
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
