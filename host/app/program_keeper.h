// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/app/messages.h"
#include "host/base/timestamp.h"
#include "host/ports/port.h"
#include "host/ports/program_watch.h"
#include "host/report/window_report.h"

namespace nicsentry {

// Keeps the programs of a run on their hooks. A program that somebody takes off is put back once, where its hook is
// free. One that is lost is left out, and told of in each window from then on. Of the loop's thread.
class ProgramKeeper {
 public:
  // Called once for each attachment that is lost.
  using Lost = std::function<void(const Attachment& attachment, const std::string& reason)>;
  ProgramKeeper(const Messages& messages, Lost lost) : messages_(messages), lost_(std::move(lost)) {}

  // Readable when look() has something to do. It is to be called every few milliseconds besides.
  int poll_fd() const { return watch_.poll_fd(); }

  // Both must outlive the keeper, the attachment until keep() leaves it out.
  void add(const Attachment& attachment, Port& port, const AttachmentRecord& record);
  const AttachmentRecord& record(const Attachment& attachment) const { return watch_.record(attachment); }
  // Forgets all attachments but these; true when there were any.
  bool keep(const std::vector<std::unique_ptr<Attachment>>& attachments);

  void look(TimestampNs now_ns);
  // An attachment failed for a reason that is not its hook's.
  void note_failure(const Attachment& attachment, const std::string& reason, TimestampNs now_ns);

  // Those that last.
  const std::vector<Outage>& outages() const { return outages_; }
  // Those of the window that ends: those that last, and those that were over in it.
  std::vector<Outage> take_outages();
  // A program was taken off or replaced, and is not back.
  bool lost_program() const { return lost_program_; }

 private:
  struct Kept {
    const Attachment* attachment = nullptr;
    Port* port = nullptr;
    bool put_back = false;
    bool lost = false;
  };

  void look_after(Kept& kept, const ProgramWatch::Finding& finding, TimestampNs now_ns);
  void unpin(const Kept& kept) const;
  bool put_back(Kept& kept, std::string& reason, TimestampNs now_ns);

  const Messages& messages_;
  Lost lost_;
  ProgramWatch watch_;
  std::vector<Kept> kept_;
  std::vector<Outage> outages_;
  std::vector<Outage> over_;  // in the open window
  bool lost_program_ = false;
};

}  // namespace nicsentry
