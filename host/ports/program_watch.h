// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/datapath/interface.h"
#include "host/datapath/link_watch.h"
#include "host/ports/port_claim.h"

namespace nicsentry {

// Knows where the programs of a run's attachments are, and looks whether they still are there: an interface goes, or
// somebody puts another program in the place of ours or takes it off, and nothing would be counted any more. Of one
// thread.
class ProgramWatch {
 public:
  struct Gone {
    const Attachment* attachment = nullptr;
    std::string reason;
  };

  // Readable when an interface has changed.
  int poll_fd() const { return links_.poll_fd(); }

  // The interface must outlive the watch.
  void add(const Attachment& attachment, const Interface& interface, const AttachmentRecord& record);
  // The attachment must have been added.
  const AttachmentRecord& record(const Attachment& attachment) const;
  // Forgets all attachments but these; true when there were any.
  bool keep(const std::vector<std::unique_ptr<Attachment>>& attachments);

  // What is seen to be gone; an attachment may be told of again as long as it is kept. To be called at short intervals:
  // a program is looked for a moment after its interface changed.
  std::vector<Gone> look();

 private:
  struct Place {
    const Attachment* attachment = nullptr;
    const Interface* interface = nullptr;
    AttachmentRecord record;
  };

  static std::optional<std::string> missing(const Place& place);

  LinkWatch links_;
  std::vector<Place> places_;
  std::chrono::steady_clock::time_point look_at_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace nicsentry
