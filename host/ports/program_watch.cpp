// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/program_watch.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/program.h"
#include "host/datapath/xdp_dispatcher.h"

namespace nicsentry {
namespace {

using SteadyClock = std::chrono::steady_clock;

// An interface that goes loses its program first: that it went is the better thing to say.
constexpr std::chrono::milliseconds kProgramGrace{100};
// A bpf_link, a tcx program and a change of a program array come without a message.
constexpr std::chrono::milliseconds kRegularLook{500};
constexpr int kFailedLooks = 4;  // in a row, after which it is said

std::string named(std::uint32_t program_id) {
  return "'" + describe_program(program_id).name + "' (id " + std::to_string(program_id) + ")";
}

const char* link_text(LinkState state) {
  switch (state) {
    case LinkState::down:
      return "the link is down";
    case LinkState::no_carrier:
      return "no carrier";
    default:
      return "the link is up";
  }
}

ProgramWatch::Finding gone(const Attachment* attachment, Hook hook) {
  std::string reason = "the interface is gone";
  if (hook == Hook::xdp) {  // a TC filter does not go along
    reason += " (if to another network namespace, its program went along and goes on there until nicsentry detach)";
  }
  return {attachment, ProgramWatch::Finding::Kind::interface_gone, std::move(reason)};
}

}  // namespace

void ProgramWatch::add(const Attachment& attachment, const Interface& interface, const AttachmentRecord& record) {
  Place place{&attachment, &interface, record, interface_name(interface.index).value_or(""), {}, false, 0};
  place.link = !interface.up ? LinkState::down : interface.carrier ? LinkState::up : LinkState::no_carrier;
  places_.push_back(std::move(place));
}

const AttachmentRecord& ProgramWatch::record(const Attachment& attachment) const {
  return std::find_if(places_.begin(), places_.end(),
                      [&attachment](const Place& place) { return place.attachment == &attachment; })
      ->record;
}

bool ProgramWatch::keep(const std::vector<std::unique_ptr<Attachment>>& attachments) {
  return std::erase_if(places_, [&attachments](const Place& place) {
           return std::none_of(attachments.begin(), attachments.end(),
                               [&place](const auto& attachment) { return attachment.get() == place.attachment; });
         }) != 0;
}

std::vector<ProgramWatch::Finding> ProgramWatch::look() {
  std::vector<Finding> findings;
  const LinkChanges changes = links_.take();
  const auto now = SteadyClock::now();
  if (!changes.changed.empty() || changes.missed) {
    look_at_ = now;
  }
  for (const int index : changes.removed) {
    for (const Place& place : places_) {
      if (place.interface->index == index) {
        findings.push_back(gone(place.attachment, place.record.hook));
      }
    }
  }
  if (now >= look_at_) {
    look_at_ = now + kRegularLook;
    look_at_hooks(findings);
  }
  return findings;
}

void ProgramWatch::look_at_hooks(std::vector<Finding>& findings) {
  for (Place& place : places_) {
    try {
      look_at(place, findings);
      place.failed_looks = 0;
    } catch (const Error& error) {  // interface or program are just changing, or there is no descriptor to ask with
      if (++place.failed_looks == kFailedLooks) {
        findings.push_back({place.attachment, Finding::Kind::caution,
                            std::string("it cannot be told whether its hook still runs the program; it is tried "
                                        "again: ") +
                                error.what()});
      }
    }
  }
}

void ProgramWatch::look_at(Place& place, std::vector<Finding>& findings) {
  const auto name = interface_name(place.interface->index);
  if (!name) {  // the message that it went may be among those that were lost
    findings.push_back(gone(place.attachment, place.record.hook));
    return;
  }
  look_at_name(place, *name, findings);
  look_at_link(place, *name, findings);
  const HookState state = look_at_hook(*place.interface, place.record.hook, place.record.mode, place.record.program_id);
  auto finding = missing(place, state);
  const bool again = std::exchange(place.suspected, finding.has_value());
  if (!finding) {
    add_cautions(place, state, findings);
  } else if (again) {
    findings.push_back(std::move(*finding));
  } else {
    look_at_ = SteadyClock::now() + kProgramGrace;
  }
}

// The run may know an interface by an alternative name, which stays when the kernel's changes.
void ProgramWatch::look_at_name(Place& place, const std::string& name, std::vector<Finding>& findings) {
  if (name == place.kernel_name) {
    return;
  }
  if (interface_index(place.interface->name) != place.interface->index) {
    findings.push_back({place.attachment, Finding::Kind::renamed, name});
  }
  place.kernel_name = name;
}

void ProgramWatch::look_at_link(Place& place, const std::string& name, std::vector<Finding>& findings) const {
  const LinkState state = link_state(name);
  if (std::exchange(place.link, state) == state) {
    return;
  }
  const auto first = std::find_if(places_.begin(), places_.end(), [&place](const Place& other) {
    return other.interface->index == place.interface->index;
  });
  if (&*first == &place) {
    findings.push_back({place.attachment, Finding::Kind::link, link_text(state)});
  }
}

std::optional<ProgramWatch::Finding> ProgramWatch::missing(const Place& place, const HookState& state) {
  switch (state.kind) {
    case HookState::Kind::off:
      return Finding{place.attachment, Finding::Kind::taken_off, "the program was taken off"};
    case HookState::Kind::replaced:
      return Finding{place.attachment, Finding::Kind::replaced, "the program was replaced by " + named(state.other)};
    default:
      return std::nullopt;
  }
}

void ProgramWatch::add_cautions(Place& place, const HookState& state, std::vector<Finding>& findings) {
  std::vector<std::string> cautions;
  for (const std::string& what :
       in_front_of(*place.interface, place.record.hook, place.record.mode, place.record.program_id)) {
    cautions.push_back("in front of the program: " + what +
                       "; a packet that it drops or passes on by itself is neither "
                       "counted nor judged");
  }
  // Those that libxdp's dispatcher calls before it were told by name, and it decides nothing else.
  if (state.kind == HookState::Kind::behind && !is_dispatcher(state.other)) {
    cautions.push_back("the hook runs " + named(state.other) + ", which decides what it hands to the program");
  }
  for (const std::string& caution : cautions) {
    if (std::find(place.cautions.begin(), place.cautions.end(), caution) == place.cautions.end()) {
      findings.push_back({place.attachment, Finding::Kind::caution, caution});
    }
  }
  place.cautions = std::move(cautions);
}

}  // namespace nicsentry
