// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
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
// free; where there is no descriptor or memory for it, as soon as there is. One that is lost is left out, and told of
// in each window from then on. Of the loop's thread.
class ProgramKeeper {
 public:
  // Called once for each attachment that is lost.
  using Lost = std::function<void(const Attachment& attachment, const std::string& reason)>;
  // Called once for all interfaces that have got another name at once: the former name, the new one.
  using Renamed = std::function<void(const std::map<std::string, std::string>& names)>;
  ProgramKeeper(const Messages& messages, Lost lost, Renamed renamed)
      : messages_(messages), lost_(std::move(lost)), renamed_(std::move(renamed)) {}

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
    bool waits = false;  // to be put back: there was no descriptor or memory for it
    bool lost = false;
  };
  enum class PutBack : std::uint8_t { done, later, refused };

  void look_after(Kept& kept, const ProgramWatch::Finding& finding, TimestampNs now_ns);
  void unpin(const Kept& kept) const;
  PutBack put_back(Kept& kept, std::string& reason, TimestampNs now_ns);
  void note_put_back(Kept& kept, Outage outage, TimestampNs now_ns, const std::string& otherwise);
  std::vector<Outage>::iterator outage_on(const Kept& kept);
  void rename(const std::map<std::string, std::string>& names);

  const Messages& messages_;
  Lost lost_;
  Renamed renamed_;
  ProgramWatch watch_;
  std::vector<Kept> kept_;
  std::vector<Outage> outages_;
  std::vector<Outage> over_;  // in the open window
  bool lost_program_ = false;
};

}  // namespace nicsentry
