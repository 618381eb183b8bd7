// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/program_keeper.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

// Whether something is short that others give back.
bool is_shortage(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM || code == ENOBUFS || code == EAGAIN;
}

Outage outage_of(const Attachment& attachment, const std::string& reason, TimestampNs now_ns) {
  Outage outage;
  outage.interface = attachment.name().interface;
  outage.hook = attachment.name().hook;
  outage.mode = attachment.name().mode;
  outage.reason = reason;
  outage.since_ns = now_ns;
  return outage;
}

}  // namespace

void ProgramKeeper::add(const Attachment& attachment, Port& port, const AttachmentRecord& record) {
  watch_.add(attachment, port.interface(), record);
  kept_.push_back({&attachment, &port});
}

bool ProgramKeeper::keep(const std::vector<std::unique_ptr<Attachment>>& attachments) {
  std::erase_if(kept_, [&attachments](const Kept& kept) {
    return std::none_of(attachments.begin(), attachments.end(),
                        [&kept](const auto& attachment) { return attachment.get() == kept.attachment; });
  });
  return watch_.keep(attachments);
}

void ProgramKeeper::look(TimestampNs now_ns) {
  std::map<std::string, std::string> names;
  for (const ProgramWatch::Finding& finding : watch_.look()) {
    const auto kept = std::find_if(kept_.begin(), kept_.end(),
                                   [&finding](const Kept& one) { return one.attachment == finding.attachment; });
    if (kept != kept_.end() && finding.kind == ProgramWatch::Finding::Kind::renamed) {
      names[kept->port->interface().name] = finding.text;
    } else if (kept != kept_.end() && finding.kind == ProgramWatch::Finding::Kind::link) {
      messages_.warning(kept->port->interface().name + ": " + finding.text);
    } else if (kept != kept_.end() && !kept->lost) {
      look_after(*kept, finding, now_ns);
    }
  }
  if (!names.empty()) {
    rename(names);
  }
}

void ProgramKeeper::rename(const std::map<std::string, std::string>& names) {
  for (std::vector<Outage>* outages : {&outages_, &over_}) {
    for (Outage& outage : *outages) {
      if (const auto found = names.find(outage.interface); found != names.end()) {
        outage.interface = found->second;
      }
    }
  }
  renamed_(names);
}

void ProgramKeeper::note_failure(const Attachment& attachment, const std::string& reason, TimestampNs now_ns) {
  for (Kept& kept : kept_) {
    if (kept.attachment == &attachment && !std::exchange(kept.lost, true)) {
      outages_.push_back(outage_of(attachment, "the run reaches its program no more: " + reason, now_ns));
    }
  }
}

void ProgramKeeper::look_after(Kept& kept, const ProgramWatch::Finding& finding, TimestampNs now_ns) {
  using Kind = ProgramWatch::Finding::Kind;
  if (finding.kind == Kind::caution) {
    messages_.warning(kept.attachment->name().text() + ": " + finding.text);
    return;
  }
  std::string reason = finding.text;
  if (finding.kind == Kind::taken_off && put_back(kept, reason, now_ns) != PutBack::refused) {
    return;
  }
  if (const auto waiting = outage_on(kept); waiting != outages_.end()) {
    outages_.erase(waiting);
  }
  kept.lost = true;
  if (finding.kind == Kind::interface_gone) {
    unpin(kept);
  }
  lost_program_ = lost_program_ || finding.kind != Kind::interface_gone;
  outages_.push_back(outage_of(*kept.attachment, reason, now_ns));
  lost_(*kept.attachment, reason);
}

void ProgramKeeper::unpin(const Kept& kept) const {
  try {
    kept.port->unpin(watch_.record(*kept.attachment).hook);
  } catch (const Error& error) {
    messages_.warning(kept.attachment->name().text() + ": its pins stay: " + error.what());
  }
}

// Refused, and why in `reason`, where it stays off.
ProgramKeeper::PutBack ProgramKeeper::put_back(Kept& kept, std::string& reason, TimestampNs now_ns) {
  if (kept.put_back) {
    reason += " again, after it had been put back";
    return PutBack::refused;
  }
  std::string otherwise;
  try {
    otherwise = kept.port->attach_again(watch_.record(*kept.attachment), kept.attachment->program());
  } catch (const SystemError& error) {
    if (is_shortage(error.code())) {
      if (!std::exchange(kept.waits, true)) {
        outages_.push_back(outage_of(*kept.attachment, reason, now_ns));
        messages_.warning(kept.attachment->name().text() + ": " + reason +
                          "; it cannot be put back yet, which is tried again: " + error.what());
      }
      return PutBack::later;
    }
    reason += std::string(", and could not be put back: ") + error.what();
    return PutBack::refused;
  } catch (const Error& error) {
    reason += std::string(", and could not be put back: ") + error.what();
    return PutBack::refused;
  }
  note_put_back(kept, outage_of(*kept.attachment, reason, now_ns), now_ns, otherwise);
  return PutBack::done;
}

void ProgramKeeper::note_put_back(Kept& kept, Outage outage, TimestampNs now_ns, const std::string& otherwise) {
  kept.put_back = true;
  if (const auto waiting = outage_on(kept); waiting != outages_.end()) {
    outage = *waiting;
    outages_.erase(waiting);
  }
  kept.waits = false;
  outage.until_ns = now_ns;
  messages_.warning(kept.attachment->name().text() + ": " + outage.reason + "; it was put back" + otherwise +
                    ", but packets went by uncounted and unjudged meanwhile");
  over_.push_back(std::move(outage));
}

// The outage of a program that waits to be put back.
std::vector<Outage>::iterator ProgramKeeper::outage_on(const Kept& kept) {
  const AttachmentName& name = kept.attachment->name();
  return std::find_if(outages_.begin(), outages_.end(), [&](const Outage& outage) {
    return kept.waits && outage.interface == name.interface && outage.hook == name.hook && outage.mode == name.mode;
  });
}

std::vector<Outage> ProgramKeeper::take_outages() {
  std::vector<Outage> outages = outages_;
  outages.insert(outages.end(), over_.begin(), over_.end());
  over_.clear();
  return outages;
}

}  // namespace nicsentry
