// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/base/error.h"

namespace nicsentry {

// The attachments of a run, in the order in which they were added, and what failed of them.
class AttachmentList {
 public:
  // An attachment that cannot be reached any more, or is to be left out from the next window on.
  struct Failure {
    std::string attachment;
    std::string reason;
  };

  Attachment& add(std::unique_ptr<Attachment> attachment);
  const std::vector<std::unique_ptr<Attachment>>& all() const { return attachments_; }
  auto begin() const { return attachments_.begin(); }
  auto end() const { return attachments_.end(); }

  // Calls act(attachment) for each one, also for those that ended in the open window. One that throws an Error ends;
  // the others go on.
  template <typename Act>
  void attempt_each(Act act) {
    for (const auto& attachment : attachments_) {
      attempt(*attachment, [&] { act(*attachment); });
    }
  }
  template <typename Act>
  void attempt(Attachment& attachment, Act act) {
    try {
      act();
    } catch (const Error& error) {
      end_attachment(attachment, error.what());
    }
  }

  // Performs the pending updates of all: a session that reached the cap is muted on every attachment.
  void flush() {
    attempt_each([](Attachment& attachment) { attachment.flush(); });
  }

  // Leaves an attachment out from the next window on.
  void end_attachment(const Attachment& attachment, const std::string& reason);
  std::vector<Failure> take_failures() { return std::exchange(failures_, {}); }
  // Removes the attachments that ended. `freed` is called for each session that has an entry less.
  template <typename Freed>
  void remove_ended(Freed freed) {
    for (const auto& attachment : attachments_) {
      if (attachment->ended()) {
        attachment->sessions().free_all(freed);
      }
    }
    std::erase_if(attachments_, [](const auto& attachment) { return attachment->ended(); });
  }

 private:
  std::vector<std::unique_ptr<Attachment>> attachments_;
  std::vector<Failure> failures_;
};

}  // namespace nicsentry
