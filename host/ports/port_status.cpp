// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/port_status.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/datapath/extensions.h"
#include "host/datapath/hook_state.h"
#include "host/datapath/hooks.h"
#include "host/datapath/pins.h"
#include "host/datapath/port_lease.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

struct Place {
  Hook hook;
  Mode mode;
  std::uint32_t program_id;
  std::uint32_t dispatcher = 0;
};

// What is on the hooks, behind a dispatcher what it calls.
std::vector<Place> programs_on(const Interface& port) {
  const XdpPrograms xdp = query_xdp(port);
  std::vector<Place> places;
  for (const Place& place :
       {Place{Hook::xdp, Mode::hw, xdp.hw}, Place{Hook::xdp, Mode::drv, xdp.drv}, Place{Hook::xdp, Mode::skb, xdp.skb},
        Place{Hook::tc_ingress, Mode::tc, query_tc(port, Hook::tc_ingress)},
        Place{Hook::tc_egress, Mode::tc, query_tc(port, Hook::tc_egress)}}) {
    if (place.program_id != 0) {
      places.push_back(place);
    }
    if (place.program_id != 0 && place.hook == Hook::xdp) {
      for (const std::uint32_t called : extensions_of(place.program_id)) {
        places.push_back({place.hook, place.mode, called, place.program_id});
      }
    }
  }
  return places;
}

AttachmentStatus::Counts read_counts(const Interface& port, const Place& place) {
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
  for (const Place& place : programs_on(port)) {
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
      attachment.controller_pid = found && found->running ? found->record.pid : 0;
      if (attachment.controller_pid == 0 && holder) {
        attachment.controller_pid = static_cast<int>(holder->pid);
        attachment.elsewhere = holder->directory;
      }
    }
    if (attachment.program.identity.adoptable()) {
      attachment.counts = read_counts(port, place);
    }
    for (const AttachmentRecord& known : found ? found->record.attachments : std::vector<AttachmentRecord>{}) {
      if (known.program_id == place.program_id && known.hook == place.hook) {
        attachment.attached_by = owner_name(known.owner);
      }
    }
    attachments.push_back(attachment);
  }
  return attachments;
}

std::string detach_port(const std::string& interface_name, std::optional<Mode> mode) {
  const Interface port = find_port(interface_name);
  refuse_driven(port);
  PortClaim claim(port);
  ClaimRecord left;
  std::string done;
  std::string no_pins;
  const auto pins = PinDirectory::open(no_pins);
  std::vector<Place> places = programs_on(port);
  std::reverse(places.begin(), places.end());  // the qdisc was made for TC's ingress, if that is there
  for (const Place& place : places) {
    const ProgramInfo info = describe_program(place.program_id);
    const AttachmentRecord* known = nullptr;
    for (const AttachmentRecord& attachment : claim.found().attachments) {
      known = attachment.program_id == place.program_id && attachment.hook == place.hook ? &attachment : known;
    }
    if (info.identity.ours() && (!mode || mode == place.mode)) {
      if (pins) {
        pins->unpin(port, place.hook);
      }
      detach_program(port, place.hook, place.mode, place.program_id, known != nullptr && known->made_qdisc);
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
  if (done.empty()) {
    throw Error("ENOENT: nothing of nicsentry's is on " + port.name +
                (mode ? std::string(" in mode ") + mode_name(*mode) : ""));
  }
  return port.name + ": detached from " + done;
}

}  // namespace nicsentry
