// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/version_options.h"

#include <memory>
#include <string>

#include "host/app/version_info.h"

namespace nicsentry {
namespace {

// "nicsentry 0.2.0 (g1a2b3c4d5e6f, program ABI 2, state format 1, libbpf 1.1)"
std::string version_text(const VersionInfo& info) {
  const std::string commit = info.commit == "unknown" ? "commit unknown" : "g" + info.commit;
  return "nicsentry " + info.version + " (" + commit + ", program ABI " + std::to_string(info.program_abi) +
         ", state format " + std::to_string(info.state_format) + ", libbpf " + info.libbpf + ")";
}

}  // namespace

void add_version_options(CLI::App& app) {
  const auto json = std::make_shared<bool>(false);
  CLI::Option* json_option = app.add_flag("--json", *json, "with --version: print JSON");
  // Its callback is called when the whole line is read, before a missing command is an error.
  CLI::Option* version = app.add_flag_callback(
      "--version",
      [json] {
        const VersionInfo info = version_info();
        throw CLI::CallForVersion(*json ? encode(info).dump() : version_text(info), 0);
      },
      "print the version, the commit and the formats that it knows");
  json_option->needs(version);
}

}  // namespace nicsentry
