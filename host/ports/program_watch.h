// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/datapath/hook_state.h"
#include "host/datapath/interface.h"
#include "host/datapath/link_watch.h"
#include "host/ports/port_claim.h"

namespace nicsentry {

// Knows where the programs of a run's attachments are, and looks whether their hooks still run them: an interface goes,
// or somebody takes a program off or puts another one in its place, and nothing would be counted or dropped any more.
// Also notices a new name of an interface, and when its link goes down or comes up. Looks when the kernel reports a
// change, and twice a second because it does not report each one. Of one thread.
class ProgramWatch {
 public:
  struct Finding {
    enum class Kind : std::uint8_t {
      interface_gone,
      taken_off,  // the hook is free
      replaced,   // the hook holds another program, which does not call ours
      caution,    // the hook runs ours, but something else comes before it; or nobody can tell
      renamed,    // the interface; the text is its new name
      link        // of the interface: it is up or down, or has no carrier; once for all its attachments
    };
    const Attachment* attachment = nullptr;
    Kind kind = Kind::caution;
    std::string text;
  };

  // Readable when an interface has changed.
  int poll_fd() const { return links_.poll_fd(); }

  // The interface must outlive the watch.
  void add(const Attachment& attachment, const Interface& interface, const AttachmentRecord& record);
  // The attachment must have been added.
  const AttachmentRecord& record(const Attachment& attachment) const;
  // Forgets all attachments but these; true when there were any.
  bool keep(const std::vector<std::unique_ptr<Attachment>>& attachments);

  // The findings, a caution once for as long as it stays the same; the rest again as long as the attachment is kept.
  // To be called at short intervals: what is missing is looked for once more a moment later.
  std::vector<Finding> look();

 private:
  struct Place {
    const Attachment* attachment = nullptr;
    const Interface* interface = nullptr;
    AttachmentRecord record;
    std::string kernel_name;  // of the interface, which the run may know by another one
    std::vector<std::string> cautions;
    bool suspected = false;  // the last look found the program missing
    int failed_looks = 0;    // in a row
    LinkState link = LinkState::up;
  };

  static std::optional<Finding> missing(const Place& place, const HookState& state);
  void look_at(Place& place, std::vector<Finding>& findings);
  void look_at_link(Place& place, const std::string& name, std::vector<Finding>& findings) const;
  static void look_at_name(Place& place, const std::string& name, std::vector<Finding>& findings);
  static void add_cautions(Place& place, const HookState& state, std::vector<Finding>& findings);
  void look_at_hooks(std::vector<Finding>& findings);

  LinkWatch links_;
  std::vector<Place> places_;
  std::chrono::steady_clock::time_point look_at_ = std::chrono::steady_clock::time_point::min();
};

}  // namespace nicsentry
