// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/log.h"
#include "host/datapath/interface.h"
#include "host/ports/port_status.h"

namespace nicsentry {
namespace {

struct StatusOptions {
  std::vector<std::string> interfaces;
  bool json = false;
};

nlohmann::ordered_json as_json(const AttachmentStatus& attachment) {
  nlohmann::ordered_json row{{"interface", attachment.interface},     {"hook", hook_name(attachment.hook)},
                             {"mode", mode_name(attachment.mode)},    {"program", attachment.program.name},
                             {"program_id", attachment.program.id},   {"ours", attachment.program.identity.ours()},
                             {"attached_by", attachment.attached_by}, {"controller_pid", attachment.controller_pid}};
  if (attachment.counts) {
    row["window_epoch"] = attachment.counts->epoch;
    row["sessions_at_most"] = attachment.counts->sessions;
    row["packets_unknown"] = attachment.counts->unknown.packets;
    row["bytes_unknown"] = attachment.counts->unknown.bytes;
    row["packets_not_understood"] = attachment.counts->not_understood.packets;
    row["bytes_not_understood"] = attachment.counts->not_understood.bytes;
    row["events_sent"] = attachment.counts->events;
    row["enforces"] = attachment.counts->dropped.has_value();
    if (attachment.counts->dropped) {
      row["packets_dropped"] = attachment.counts->dropped->packets;
      row["bytes_dropped"] = attachment.counts->dropped->bytes;
    }
  }
  return row;
}

const char* activity(const AttachmentStatus& attachment) {
  if (attachment.controller_pid != 0) {
    return "watching";
  }
  return attachment.counts->epoch == 0 ? "idle (passes and counts)" : "as its controller left it";
}

void print(const AttachmentStatus& attachment) {
  std::printf("%s  %s, mode %s: program '%s' (id %u), attached by %s\n", attachment.interface.c_str(),
              hook_name(attachment.hook), mode_name(attachment.mode), attachment.program.name.c_str(),
              attachment.program.id, attachment.attached_by.c_str());
  if (attachment.controller_pid != 0) {
    std::printf("    driven by process %d\n", attachment.controller_pid);
  }
  if (attachment.counts) {
    std::printf(
        "    %s, room for %u sessions; counted outside sessions: %llu packets of unknown sessions, "
        "%llu unparsed; %llu packets sent as events\n",
        activity(attachment), attachment.counts->sessions,
        static_cast<unsigned long long>(attachment.counts->unknown.packets),
        static_cast<unsigned long long>(attachment.counts->not_understood.packets),
        static_cast<unsigned long long>(attachment.counts->events));
    if (attachment.counts->dropped) {
      std::printf("    enforces its firewall, %llu packets dropped\n",
                  static_cast<unsigned long long>(attachment.counts->dropped->packets));
    }
  }
}

int status(const StatusOptions& options) {
  set_up_log(false);
  std::vector<Interface> ports;
  if (options.interfaces.empty()) {
    ports = list_interfaces();
  }
  for (const std::string& name : options.interfaces) {
    ports.push_back(find_interface(name));
  }
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::size_t shown = 0;
  for (const Interface& port : ports) {
    for (const AttachmentStatus& attachment : port_status(port)) {
      ++shown;
      if (options.json) {
        rows.push_back(as_json(attachment));
      } else {
        print(attachment);
      }
    }
  }
  if (options.json) {
    std::printf("%s\n", rows.dump(2).c_str());
  } else if (shown == 0) {
    std::printf("nothing is attached\n");
  }
  return kExitSuccess;
}

}  // namespace

void add_status_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand("status", "the programs that are attached, with mode, owner and counters");
  command->add_option("-i,--interface", options->interfaces, "only these ports (default: all)");
  command->add_flag("--json", options->json, "print JSON");
  command->footer("Example:\n  nicsentry status -i eth0 --json");
  command->callback([options, &chosen] { chosen = [options] { return status(*options); }; });
}

}  // namespace nicsentry
