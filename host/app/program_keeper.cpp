// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/program_keeper.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

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
  for (const ProgramWatch::Finding& finding : watch_.look()) {
    const auto kept = std::find_if(kept_.begin(), kept_.end(),
                                   [&finding](const Kept& one) { return one.attachment == finding.attachment; });
    if (kept != kept_.end() && !kept->lost) {
      look_after(*kept, finding, now_ns);
    }
  }
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
  if (finding.kind == Kind::taken_off && put_back(kept, reason, now_ns)) {
    return;
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

// False, and why in `reason`, where it stays off.
bool ProgramKeeper::put_back(Kept& kept, std::string& reason, TimestampNs now_ns) {
  if (std::exchange(kept.put_back, true)) {
    reason += " again, after it had been put back";
    return false;
  }
  try {
    kept.port->attach_again(watch_.record(*kept.attachment), kept.attachment->program());
  } catch (const Error& error) {
    reason += std::string(", and could not be put back: ") + error.what();
    return false;
  }
  Outage outage = outage_of(*kept.attachment, reason, now_ns);
  outage.until_ns = now_ns;
  over_.push_back(std::move(outage));
  messages_.warning(kept.attachment->name().text() + ": " + reason +
                    "; it was put back, but packets went by uncounted and unjudged meanwhile");
  return true;
}

std::vector<Outage> ProgramKeeper::take_outages() {
  std::vector<Outage> outages = outages_;
  outages.insert(outages.end(), over_.begin(), over_.end());
  over_.clear();
  return outages;
}

}  // namespace nicsentry
