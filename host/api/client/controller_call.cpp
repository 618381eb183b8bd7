// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/client/controller_call.h"

#include <string_view>

#include "host/api/client/find_controller.h"
#include "host/api/server/command_socket.h"
#include "host/base/error.h"

namespace nicsentry {

void add_controller_option(CLI::App& command, std::string& interface) {
  command.add_option("-i,--interface", interface, "port that the controller watches (default: the only one that runs)");
}

nlohmann::json call_controller(const std::string& interface, const std::string& path, const nlohmann::json& request) {
  const std::string socket = find_controller(interface);
  nlohmann::json answer;
  try {
    answer = ask_controller(socket, path, request);
  } catch (const Error& error) {
    // Nobody serves the path.
    if (std::string_view(error.what()).empty()) {
      throw Error("the controller at " + socket +
                  " runs without a firewall (start it with: nicsentry run -i PORT --firewall)");
    }
    throw;
  }
  if (!answer.is_object()) {
    throw Error("the controller at " + socket + " answered " + path + " with what is no JSON object");
  }
  return answer;
}

}  // namespace nicsentry
