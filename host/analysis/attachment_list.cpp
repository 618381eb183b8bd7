// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/attachment_list.h"

namespace nicsentry {

Attachment& AttachmentList::add(std::unique_ptr<Attachment> attachment) {
  std::uint64_t used = 0;
  for (const auto& mine : attachments_) {
    used |= mine->accounting().place;
  }
  attachment->set_place_bit(~used & (used + 1));  // the lowest bit that is free; 0: none is
  return *attachments_.emplace_back(std::move(attachment));
}

void AttachmentList::end_attachment(const Attachment& attachment, const std::string& reason) {
  for (const auto& mine : attachments_) {
    if (mine.get() == &attachment && !mine->ended()) {
      mine->end();
      failures_.push_back({mine->name().text(), reason});
    }
  }
}

}  // namespace nicsentry
