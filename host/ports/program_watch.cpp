// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/program_watch.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/datapath/hooks.h"

namespace nicsentry {
namespace {

using SteadyClock = std::chrono::steady_clock;

// An interface that goes loses its program first: that it went is the better thing to say.
constexpr std::chrono::milliseconds kProgramGrace{100};

}  // namespace

void ProgramWatch::add(const Attachment& attachment, const Interface& interface, const AttachmentRecord& record) {
  places_.push_back({&attachment, &interface, record});
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

std::vector<ProgramWatch::Gone> ProgramWatch::look() {
  std::vector<Gone> gone;
  const LinkChanges changes = links_.take();
  if (!changes.changed.empty()) {
    look_at_ = SteadyClock::now() + kProgramGrace;
  }
  for (const int index : changes.removed) {
    for (const Place& place : places_) {
      if (place.interface->index == index) {
        gone.push_back({place.attachment, "the interface is gone"});
      }
    }
  }
  if (SteadyClock::now() >= look_at_) {
    look_at_ = SteadyClock::time_point::max();
    for (const Place& place : places_) {
      if (auto reason = missing(place)) {
        gone.push_back({place.attachment, std::move(*reason)});
      }
    }
  }
  return gone;
}

std::optional<std::string> ProgramWatch::missing(const Place& place) {
  const auto& [attachment, interface, record] = place;
  try {
    const std::uint32_t there =
        record.hook == Hook::xdp ? query_xdp(*interface).in(record.mode) : query_tc(*interface, record.hook);
    if (there == record.program_id) {
      return std::nullopt;
    }
    return "the program was " +
           (there == 0 ? std::string("taken off")
                       : "replaced by '" + describe_program(there).name + "' (id " + std::to_string(there) + ")");
  } catch (const Error&) {
    return std::nullopt;  // the interface has gone meanwhile, which is told of next
  }
}

}  // namespace nicsentry
