// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/window_closer.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

#include "host/analysis/monitor.h"
#include "host/analysis/room_policy.h"

namespace nicsentry {
namespace {

constexpr std::uint64_t kSilentWindows = 3;

}  // namespace

WindowCloser::WindowCloser(Monitor& monitor, std::uint32_t epoch, std::uint64_t number, TimestampNs start_ns)
    : monitor_(&monitor), epoch_(epoch), number_(number), start_ns_(start_ns) {}

WindowCloser::WindowCloser(WindowCloser&& other) noexcept
    : monitor_(std::exchange(other.monitor_, nullptr)),
      epoch_(other.epoch_),
      number_(other.number_),
      start_ns_(other.start_ns_),
      scan_(std::move(other.scan_)) {}

WindowReport WindowCloser::collect(TimestampNs end_ns) {
  if (monitor_ == nullptr) {
    throw std::logic_error("a window was collected twice");
  }
  AttachmentList& attachments = monitor_->attachments_;
  WindowReport report;
  report.number = number_;
  report.start_ns = start_ns_;
  report.end_ns = end_ns;
  for (const auto& attachment : attachments) {
    if (attachment->closing()) {
      attachments.attempt(*attachment, [&] { close(*attachment, end_ns); });
      report.attachments.push_back(attachment->take_accounting());
    }
  }
  report.sessions = monitor_->registry_.close_window(number_, epoch_ & 1U);
  for (const auto& attachment : attachments) {
    if (attachment->closing()) {
      attachments.attempt(*attachment, [&] { open(*attachment); });
    }
  }
  attachments.remove_ended([this](Session& session) {
    if (session.attachments == 0) {
      monitor_->registry_.remove(session);
    }
  });
  Monitor& monitor = *std::exchange(monitor_, nullptr);
  monitor.closing_ = false;
  monitor.process_deferred();
  return report;
}

void WindowCloser::close(Attachment& attachment, TimestampNs end_ns) {
  attachment.read_totals(epoch_ & 1U);
  read_sessions(attachment, end_ns);
}

// A session that had no event in the window, and no packet in those before, is read when it is its turn.
bool WindowCloser::is_silent(const AttachmentSessions::Entry& entry) const {
  return !entry.evicted && !entry.active && !entry.muted && entry.seen == 0 &&
         number_ - std::min(number_, entry.session->last_window) >= kSilentWindows;
}

void WindowCloser::read_sessions(Attachment& attachment, TimestampNs end_ns) {
  const unsigned half = epoch_ & 1U;
  const AttachmentSessions& sessions = attachment.sessions();
  std::vector<std::uint32_t> silent;
  std::size_t busy = 0;
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    if (sessions.used(id)) {
      is_silent(sessions.entry(id)) ? silent.push_back(id) : static_cast<void>(++busy);
    }
  }
  const std::vector<bool> turn = monitor_->scan_.choose(attachment, silent, busy, sessions.ids());
  std::vector<bool> left_out(sessions.ids(), false);
  for (const std::uint32_t id : silent) {
    left_out[id] = !turn[id];
  }
  const auto now = [this] { return std::chrono::nanoseconds(monitor_->clock_()); };
  const auto begin = now();
  std::size_t readings = 0;
  // Whoever is not read in each window has packets in both halves.
  if (std::find(left_out.begin(), left_out.end(), true) != left_out.end()) {
    const auto in_turn = [&turn](std::uint32_t id, const AttachmentSessions::Entry&) { return bool{turn[id]}; };
    scan_.read(attachment, 1 - half, in_turn, [&](AttachmentSessions::Entry& entry, const session_counters& counters) {
      if (monitor_->count_since_last(attachment, entry, 1 - half, counters) != 0) {
        monitor_->registry_.note_unseen(*entry.session, std::max(start_ns_, entry.session->last_ns), end_ns);
        entry.active = true;
      }
    });
    readings = scan_.read();
  }
  const auto wanted = [&left_out](std::uint32_t id, const AttachmentSessions::Entry&) { return !left_out[id]; };
  scan_.read(attachment, half, wanted, [&](AttachmentSessions::Entry& entry, const session_counters& counters) {
    count_entry(attachment, entry, half, counters, end_ns);
  });
  monitor_->scan_.note_cost(attachment, readings + scan_.read(), now() - begin);
}

void WindowCloser::count_entry(Attachment& attachment, AttachmentSessions::Entry& entry, unsigned half,
                               const session_counters& counters, TimestampNs end_ns) {
  const std::uint64_t packets = monitor_->count_since_last(attachment, entry, half, counters);
  if (packets > entry.seen) {
    monitor_->registry_.note_unseen(*entry.session, std::max({start_ns_, entry.looked_ns, entry.session->last_ns}),
                                    end_ns);
  }
  attachment.accounting().sessions_active += entry.active || packets != 0 ? 1 : 0;
  entry.active = false;
  entry.seen = 0;
  entry.noted = {};
  entry.looked_ns = 0;
  entry.muted = false;
}

void WindowCloser::open(Attachment& attachment) {
  monitor_->end_rest(attachment);
  make_room(attachment);
  change_spent_keys(attachment);
  attachment.flush();
}

void WindowCloser::make_room(Attachment& attachment) {
  AttachmentSessions& sessions = attachment.sessions();
  std::vector<Occupant> occupants;
  for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
    if (sessions.used(id) && !sessions.entry(id).evicted) {
      const Session& session = *sessions.entry(id).session;
      occupants.push_back({id,
                           number_ - std::min(number_, session.last_window),
                           monitor_->connections_->hold(session),
                           {},
                           session.unwatched});
    }
  }
  for (const std::uint32_t id : choose_idle(occupants, attachment.room())) {
    sessions.evict(id);
  }
}

void WindowCloser::change_spent_keys(Attachment& attachment) {
  if (!attachment.sessions().keys_are_spent()) {
    return;
  }
  const FingerprintKeys spent = attachment.sessions().keys();
  for (const auto& other : monitor_->attachments_) {
    if (other->sessions().keys() == spent) {
      other->sessions().change_keys(following_keys(spent));
      other->flush();  // no entry of the old keys is left when the new ones take effect
      other->set_keys(other->sessions().keys());
    }
  }
}

}  // namespace nicsentry
