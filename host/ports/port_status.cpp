// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/port_status.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/hook_state.h"
#include "host/datapath/hooks.h"
#include "host/datapath/pins.h"
#include "host/datapath/port_lease.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_claim.h"
#include "host/ports/port_programs.h"
#include "host/ports/users_programs.h"

namespace nicsentry {
namespace {

AttachmentStatus::Counts read_counts(const Interface& port, const ProgramPlace& place) {
  Program program = Program::adopt(place.program_id, place.mode, port);
  AttachmentStatus::Counts counts;
  counts.epoch = program.maps().read_control().epoch;
  counts.sessions = program.maps().counter_ids();
  const FirewallMaps* firewall = program.firewall();
  if (firewall != nullptr && (firewall->read_control().config & FIREWALL_ON) != 0) {
    counts.dropped.emplace();
  }
  for (const unsigned half : {0U, 1U}) {
    if (counts.dropped) {
      const rule_counter dropped = firewall->read_counter(COUNTER_DROPPED, half);
      counts.dropped->packets += dropped.packets;
      counts.dropped->bytes += dropped.bytes;
    }
    const Totals totals = program.maps().read_totals(half);
    for (std::size_t row = 0; row < totals.size(); ++row) {
      Amount& to = row < TOTALS_SHARDS ? counts.unknown : counts.not_understood;
      to.packets += totals[row].packets;
      to.bytes += totals[row].bytes;
      counts.events += totals[row].events_unknown + totals[row].events_known;
    }
  }
  return counts;
}

// Fills in the owner of a program, and the process that drives it or others of ours.
void add_record(const PortRecord& found, AttachmentStatus& attachment) {
  if (!attachment.program.identity.ours()) {
    return;
  }
  if (found.running && found.record.socket.empty()) {
    attachment.starting_pid = found.record.pid;
  }
  for (const AttachmentRecord& known : found.record.attachments) {
    if (known.program_id == attachment.program.id && known.hook == attachment.hook) {
      attachment.attached_by = owner_name(known.owner);
      if (found.running && known.driven && attachment.starting_pid == 0) {
        attachment.controller_pid = found.record.pid;
      }
    }
  }
  if (found.running && attachment.starting_pid == 0 && attachment.controller_pid == 0) {
    attachment.beside_pid = found.record.pid;
  }
}

// The record of a run with another runtime directory is not at hand. What it drives, it has started.
void find_beside_elsewhere(std::vector<AttachmentStatus>& attachments) {
  const auto started = [](const AttachmentStatus& one) { return one.counts && one.counts->epoch != 0; };
  if (std::any_of(attachments.begin(), attachments.end(), started)) {
    for (AttachmentStatus& one : attachments) {
      if (!one.elsewhere.empty() && one.counts && one.counts->epoch == 0) {
        one.beside_pid = std::exchange(one.controller_pid, 0);
      }
    }
  }
}

// Taken off under its run, a program would be put back.
void refuse_driven(const Interface& port) {
  const auto found = read_port_record(port);
  if (found && found->running && !found->record.socket.empty()) {
    const std::string pid = std::to_string(found->record.pid);
    throw Error("EBUSY: a run drives the programs of " + port.name + ", process " + pid + "; end it first: kill " +
                pid + " (it takes off what it attached)");
  }
  const auto holder = find_lease_holder(port);
  if (holder && !(found && found->running)) {
    throw Error("EBUSY: a run" + std::string(holder->same_pid_namespace ? "" : " of another container") +
                " drives the programs of " + port.name + ", process " + std::to_string(holder->pid) +
                ", with the runtime directory " + holder->directory + "; end it first");
  }
}

}  // namespace

std::vector<AttachmentStatus> port_status(const Interface& port) {
  const auto found = read_port_record(port);
  const auto holder = find_lease_holder(port);
  std::vector<AttachmentStatus> attachments;
  for (const ProgramPlace& place : programs_on(port)) {
    AttachmentStatus attachment;
    attachment.interface = port.name;
    attachment.hook = place.hook;
    attachment.mode = place.mode;
    attachment.program = describe_program(place.program_id);
    attachment.dispatcher = place.dispatcher;
    attachment.attached_by = "another program";
    if (attachment.program.identity.ours()) {
      attachment.in_front = in_front_of(port, place.hook, place.mode, place.program_id);
      attachment.attached_by = owner_name(Owner::hand);
      if (!(found && found->running) && holder) {
        attachment.controller_pid = static_cast<int>(holder->pid);
        attachment.elsewhere = holder->directory;
      }
    }
    if (attachment.program.identity.adoptable()) {
      attachment.counts = read_counts(port, place);
    }
    if (found) {
      add_record(*found, attachment);
    }
    attachments.push_back(attachment);
  }
  find_beside_elsewhere(attachments);
  for (AttachmentStatus& attachment : attachments) {
    attachment.how_to_detach = attachment.beside_pid != 0 ? detach_command(port, attachment.mode) : "";
  }
  return attachments;
}

std::string detach_port(const std::string& interface_name, std::optional<Mode> mode, const std::set<Hook>& keep) {
  const Interface port = find_port(interface_name);
  runtime_directory_to_drive();  // its error fits better than the one of the look at the run
  refuse_driven(port);
  PortClaim claim(port);
  ClaimRecord left;
  std::string done;
  std::string unenforced;
  std::string no_pins;
  const auto pins = PinDirectory::open(no_pins);
  std::vector<ProgramPlace> places = programs_on(port);
  std::reverse(places.begin(), places.end());  // the qdisc was made for TC's ingress, if that is there
  for (const ProgramPlace& place : places) {
    const ProgramInfo info = describe_program(place.program_id);
    const AttachmentRecord* known = nullptr;
    for (const AttachmentRecord& attachment : claim.found().attachments) {
      known = attachment.program_id == place.program_id && attachment.hook == place.hook ? &attachment : known;
    }
    const bool users = !users_program_text(place.program_id).empty();  // linked with a user's function
    if (info.identity.ours() && !users && (!mode || mode == place.mode) && !keep.contains(place.hook)) {
      if (pins) {
        pins->unpin(port, place.hook);
      }
      detach_program(port, place.hook, place.mode, place.program_id, known != nullptr && known->made_qdisc);
      if (info.enforces) {
        unenforced += (unenforced.empty() ? "" : ", ") + port.name + "/" + hook_name(place.hook);
      }
      done += (done.empty() ? "" : ", ") + std::string(hook_name(place.hook)) + " (mode " + mode_name(place.mode) + ")";
    } else if (known != nullptr) {
      left.attachments.push_back(*known);
    }
  }
  if (pins) {
    pins->remove_vanished();
  }
  if (left.attachments.empty()) {
    claim.erase();
  } else {
    claim.write(left);
  }
  const std::string users = users_programs_text(port, mode);
  const std::string staying = users.empty() ? "" : "; " + users;
  if (done.empty()) {
    throw Error("ENOENT: nothing of nicsentry's is on " + port.name +
                (mode ? std::string(" in mode ") + mode_name(*mode) : "") + staying);
  }
  return port.name + ": detached from " + done + staying +
         (unenforced.empty() ? "" : "; nothing is enforced on " + unenforced + " from now on");
}

}  // namespace nicsentry
