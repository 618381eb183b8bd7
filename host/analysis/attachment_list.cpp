// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/attachment_list.h"

namespace nicsentry {

void AttachmentList::end_attachment(const Attachment& attachment, const std::string& reason) {
  for (const auto& mine : attachments_) {
    if (mine.get() == &attachment && !mine->ended()) {
      mine->end();
      failures_.push_back({mine->name().text(), reason});
    }
  }
}

}  // namespace nicsentry
