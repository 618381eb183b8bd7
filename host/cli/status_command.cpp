// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/api/client/controller.h"
#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/enforced_text.h"
#include "host/cli/log.h"
#include "host/cli/number_of.h"
#include "host/cli/user_programs_status.h"
#include "host/datapath/interface.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_claim.h"
#include "host/ports/port_status.h"

namespace nicsentry {
namespace {

struct StatusOptions {
  std::vector<std::string> interfaces;
  bool json = false;
};

constexpr ClientLimits kRunLimits{std::chrono::seconds(1), std::chrono::seconds(6)};

// The answer of the run that drives a port's programs.
struct Run {
  int pid = 0;
  std::optional<RunStatus> status;
  std::string why_not;  // it does not answer: what is said of it then
};

std::optional<Run> ask_run(const Interface& port) {
  const auto found = read_port_record(port);
  if (!found || !found->running) {
    return std::nullopt;
  }
  Run run;
  run.pid = found->record.pid;
  if (found->record.socket.empty()) {
    run.why_not = "is starting";
    return run;
  }
  try {
    run.status = Controller(found->record.socket, kRunLimits).status();
  } catch (const std::exception& error) {
    run.why_not = std::string("does not answer: ") + error.what();
  }
  return run;
}

const char* enforced_chain(Hook hook) { return hook == Hook::tc_egress ? "egress" : "ingress"; }

std::string failing_at(const std::optional<Run>& run, const AttachmentStatus& attachment) {
  if (run && run->status) {
    const std::string name = attachment.interface + "/" + hook_name(attachment.hook);
    for (const auto* places : {&run->status->enforced.ingress, &run->status->enforced.egress}) {
      for (const EnforcedPlace& place : *places) {
        if (place.attachment == name && place.failing) {
          return *place.failing;
        }
      }
    }
  }
  return "";
}

nlohmann::ordered_json as_json(const AttachmentStatus& attachment, const std::optional<Run>& run) {
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
    row["chain"] = enforced_chain(attachment.hook);
    if (attachment.counts->dropped) {
      row["packets_dropped"] = attachment.counts->dropped->packets;
      row["bytes_dropped"] = attachment.counts->dropped->bytes;
    }
  }
  if (attachment.starting_pid != 0) {
    row["starting_pid"] = attachment.starting_pid;
  }
  if (attachment.beside_pid != 0) {
    row["beside_pid"] = attachment.beside_pid;
    row["detach"] = attachment.how_to_detach;
  }
  if (!attachment.elsewhere.empty()) {
    row["controller_directory"] = attachment.elsewhere;
  }
  if (attachment.dispatcher != 0) {
    row["dispatcher"] = attachment.dispatcher;
  }
  row["in_front"] = attachment.in_front;
  if (run) {
    row["run"] = run->status ? encode(*run->status) : nlohmann::ordered_json();
  }
  return row;
}

// A run that has the port before any program is on it.
nlohmann::ordered_json without_program(const Interface& port, const Run& run) {
  nlohmann::ordered_json row{
      {"interface", port.name}, {"hook", nullptr}, {"mode", nullptr}, {"controller_pid", run.status ? run.pid : 0}};
  if (!run.status) {
    row["starting_pid"] = run.pid;
  }
  row["run"] = run.status ? encode(*run.status) : nlohmann::ordered_json();
  return row;
}

const char* activity(const AttachmentStatus& attachment) {
  if (attachment.controller_pid != 0) {
    return "watching";
  }
  if (attachment.starting_pid != 0) {
    return "not driven yet";
  }
  if (attachment.counts->epoch == 0) {
    return "idle (passes and counts)";
  }
  return attachment.counts->dropped ? "no controller: goes on with the rules that it has" : "as its controller left it";
}

void print(const AttachmentStatus& attachment, const std::optional<Run>& run) {
  const std::string behind =
      attachment.dispatcher != 0 ? ", behind dispatcher " + std::to_string(attachment.dispatcher) : "";
  std::printf("%s  %s, mode %s: program '%s' (id %u)%s, attached by %s\n", attachment.interface.c_str(),
              hook_name(attachment.hook), mode_name(attachment.mode), attachment.program.name.c_str(),
              attachment.program.id, behind.c_str(), attachment.attached_by.c_str());
  if (attachment.controller_pid != 0) {
    std::printf("    driven by process %d%s\n", attachment.controller_pid,
                attachment.elsewhere.empty() ? "" : (" with the runtime directory " + attachment.elsewhere).c_str());
  }
  if (attachment.starting_pid != 0) {
    std::printf("    process %d has the port and is just starting or ending\n", attachment.starting_pid);
  }
  if (attachment.beside_pid != 0) {
    std::printf("    not used by the run of process %d; to take it off after that run: %s\n", attachment.beside_pid,
                attachment.how_to_detach.c_str());
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
      std::printf("    enforces the %s chain, %llu packets dropped\n", enforced_chain(attachment.hook),
                  static_cast<unsigned long long>(attachment.counts->dropped->packets));
    }
  }
  if (const std::string failing = failing_at(run, attachment); !failing.empty()) {
    std::printf("    the last changes of the firewall are NOT in force here: %s\n", failing.c_str());
  }
  for (const std::string& what : attachment.in_front) {
    std::printf("    in front of it: %s\n", what.c_str());
  }
}

// A port that is gone has no line of its own: what was lost there is told with another port of its run.
bool tells_of(const Interface& port, const ListedOutage& outage) {
  return outage.interface == port.name || interface_index(outage.interface) == 0;
}

void print(const Interface& port, const Run& run) {
  if (!run.status) {
    std::printf("%s  process %d %s\n", port.name.c_str(), run.pid, run.why_not.c_str());
    return;
  }
  if (const auto& summary = run.status->summary) {
    for (const auto& [name, chain] : {std::pair("ingress", summary->ingress), std::pair("egress", summary->egress)}) {
      std::printf("    %s: %s, default %s\n", name, number_of(chain.rules, "rule", "rules").c_str(),
                  default_action_name(chain.default_action));
    }
    std::printf("    %s\n", enforced_text(run.status->enforced, {Chain::ingress, Chain::egress}).c_str());
    for (const FirewallSummary::OfLimit& limit : summary->limits) {
      std::printf("    limit of %s rule %zu: %s, %llu packets dropped\n", chain_name(limit.chain), limit.id,
                  limit.rate.c_str(), static_cast<unsigned long long>(limit.packets_dropped));
    }
    std::printf("    blocked: %s\n", number_of(summary->blocked, "entry", "entries").c_str());
    if (summary->unconfirmed) {
      std::printf(
          "    %s is taken back in %.0f s unless confirmed: nicsentry rules confirm; at once: nicsentry rules revert\n",
          summary->unconfirmed->what.c_str(), summary->unconfirmed->seconds);
    }
  }
  for (const ListedOutage& outage : run.status->outages) {
    if (tells_of(port, outage)) {
      std::printf("%s  %s, mode %s: NOT ON ITS HOOK: %s\n", outage.interface.c_str(), outage.hook.c_str(),
                  outage.mode.c_str(), outage.reason.c_str());
    }
  }
  if (run.status->windows_lost != 0) {
    std::printf("%s  process %d: %s not written to files\n", port.name.c_str(), run.pid,
                number_of(run.status->windows_lost, "window", "windows").c_str());
  }
  for (const std::string& output : run.status->ended_outputs) {
    std::printf("%s  process %d: nobody reads %s any more\n", port.name.c_str(), run.pid, output.c_str());
  }
}

// Whether the run enforces all that it is to enforce there.
int enforcement_of(const Interface& port, const Run& run) {
  if (!run.status) {
    return kExitSuccess;
  }
  const auto on_port = [&port](const std::string& attachment) { return attachment.starts_with(port.name + "/"); };
  for (const auto* places : {&run.status->enforced.ingress, &run.status->enforced.egress}) {
    for (const EnforcedPlace& place : *places) {
      if (place.failing && on_port(place.attachment)) {
        return kExitNotEnforced;
      }
    }
  }
  const bool lost = std::any_of(run.status->outages.begin(), run.status->outages.end(),
                                [&port](const ListedOutage& outage) { return !outage.name && tells_of(port, outage); });
  return lost ? kExitNotEnforced : kExitSuccess;
}

bool is_users(const AttachmentStatus& attachment, const std::vector<UserProgramStatus>& users) {
  return std::any_of(users.begin(), users.end(), [&attachment](const UserProgramStatus& user) {
    return user.path.program_id == attachment.program.id;
  });
}

int status(const StatusOptions& options) {
  set_up_log(false);
  std::vector<Interface> ports;
  if (options.interfaces.empty()) {
    ports = list_interfaces();
  }
  for (const std::string& name : options.interfaces) {
    ports.push_back(find_port(name));
  }
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::size_t shown = 0;
  int exit_status = kExitSuccess;
  const std::vector<programs::LoadedMonitor> found = loaded_monitors_here();
  for (const Interface& port : ports) {
    const auto run = ask_run(port);
    const std::size_t rows_before = rows.size();
    std::vector<programs::LoadedMonitor> monitors = found;
    if (run && run->status) {
      add_reported_programs(monitors, run->status->user_programs);
    }
    const std::vector<AttachmentStatus> attachments = port_status(port);
    const std::vector<UserProgramStatus> users = user_programs_on(port, monitors, attachments);
    for (const AttachmentStatus& attachment : attachments) {
      if (is_users(attachment, users)) {
        continue;
      }
      ++shown;
      if (options.json) {
        rows.push_back(as_json(attachment, run));
      } else {
        print(attachment, run);
      }
    }
    for (const UserProgramStatus& user : users) {
      ++shown;
      if (options.json) {
        rows.push_back(user_program_json(user));
      } else {
        std::fputs(user_program_line(user).c_str(), stdout);
      }
    }
    if (run) {
      exit_status = std::max(exit_status, enforcement_of(port, *run));
    }
    if (run && !options.json) {
      print(port, *run);
    } else if (run && rows.size() == rows_before) {
      rows.push_back(without_program(port, *run));
    }
  }
  if (options.json) {
    std::printf("%s\n", rows.dump(2).c_str());
  } else if (shown == 0) {
    const std::string hint = hint_at_runs_elsewhere("");
    std::printf("nothing is attached%s\n", hint.empty() ? "" : ("; " + hint).c_str());
  }
  return exit_status;
}

}  // namespace

void add_status_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand("status", "the programs that are attached, with mode, owner and counters");
  command->add_option("-i,--interface", options->interfaces, "only this port (repeatable; default: all)")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "print JSON");
  command->footer("Example:\n  nicsentry status -i eth0 --json");
  command->callback([options, &chosen] { chosen = [options] { return status(*options); }; });
}

}  // namespace nicsentry
